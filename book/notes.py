"""Notes of the builds, beside the executed chapters: what each job was made from, and how long it took.

`.built.json` belongs to the build. Without it, every chapter runs again; no training does.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dlcvlib.files.atomic import write_json

NAME = ".built.json"


@dataclass
class Notes:
    """Notes on the jobs, by name."""

    inputs: dict[str, str] = field(default_factory=dict)
    """Digest of a job's inputs when it was last done (`book.inputs`)."""
    records: dict[str, list[str]] = field(default_factory=dict)
    """Folder of a training's record, and the digest of its `run.json`."""
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    """Core-seconds of a job the last time, by profile."""
    pages: str = ""
    """Digest of what the finished pages were made from; "" if there are none."""

    @classmethod
    def read(cls, folder: Path) -> Notes:
        """Read the notes of a folder; without usable ones, there are none."""
        try:
            return cls(**json.loads((folder / NAME).read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError):
            return cls()

    def write(self, folder: Path) -> None:
        """Write the notes."""
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / NAME, asdict(self))
