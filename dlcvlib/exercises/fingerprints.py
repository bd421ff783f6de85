"""File of fingerprints: what each known misconception gives in each case of its exercise; numbers, no code.

It is written by `dlcv exercises check --write` from the wrong answers in `notebooks/answers/`, so that a reader's copy
names misconceptions without holding an answer. One file a chapter, `dlcvlib/exercises/fingerprints/07_fcn.json`:
{exercise: {misconception: [fingerprint of each case]}}.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from dlcvlib.files.atomic import write_text

FOLDER = Path(__file__).parent / "fingerprints"
Fingerprints = dict[str, dict[str, list[Any]]]


@lru_cache(maxsize=32)
def stored(chapter: str) -> Fingerprints:
    """Fingerprints of a chapter's misconceptions; empty without its file."""
    file = FOLDER / f"{chapter}.json"
    content: Fingerprints = json.loads(file.read_text()) if file.is_file() else {}
    return content


def store(chapter: str, fingerprints: Fingerprints) -> Path:
    """Write the fingerprints of a chapter; return the file."""
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{chapter}.json"
    lines = [
        f" {json.dumps(exercise)}: {{\n"
        + ",\n".join(f"  {json.dumps(name)}: {json.dumps(known)}" for name, known in of_exercise.items())
        + "\n }"
        for exercise, of_exercise in fingerprints.items()
    ]
    write_text(file, "{\n" + ",\n".join(lines) + "\n}\n")
    stored.cache_clear()
    return file
