"""Progress of a reader: which exercises were right once. It stays on this machine, in one JSON file.

`$DLCV_PROGRESS` names the file; "off" keeps nothing, as when a book is built or an answer graded.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from dlcvlib import paths
from dlcvlib.files.atomic import write_json

Progress = dict[str, dict[str, str]]
"""{chapter: {exercise: time of the first right answer, ISO 8601}}"""


def file() -> Path | None:
    """File of the progress; None if nothing is kept."""
    named = os.environ.get("DLCV_PROGRESS", "")
    if named == "off":
        return None
    return Path(named) if named else paths.mine_home() / "progress.json"


def read() -> Progress:
    """Solved exercises; empty if there are none.

    Raises:
        ValueError: the file is damaged; the message names it.
    """
    where = file()
    if where is None or not where.is_file():
        return {}
    try:
        content = json.loads(where.read_text(encoding="utf-8"))
        return {str(chapter): {str(name): str(at) for name, at in done.items()} for chapter, done in content.items()}
    except (ValueError, AttributeError, UnicodeError) as error:
        raise ValueError(f"{where} is damaged ({error}): rename or remove it; only the progress is in it") from error


def solved(chapter: str, exercise: str) -> None:
    """Keep that an exercise is solved; what cannot be written is left out, for the answer is right all the same."""
    where = file()
    if where is None:
        return
    try:
        done = read()
        if exercise in done.get(chapter, {}):
            return
        done.setdefault(chapter, {})[exercise] = datetime.now(UTC).isoformat(timespec="seconds")
        where.parent.mkdir(parents=True, exist_ok=True)
        write_json(where, done)
    except (OSError, ValueError):
        return
