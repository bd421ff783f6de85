"""Submissions of a class: the entries of a folder, each a script, a notebook, a folder or a zip of these."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

KINDS = (".py", ".ipynb", ".zip")


@dataclass(frozen=True)
class Submission:
    """Submission of one student."""

    student: str
    """Name of the folder, or of the file without its suffix."""
    path: Path
    problem: str = ""
    """Why it is not read at all; empty if it is."""
    note: str = ""
    """Note to the teacher: another submission has the same name."""


def submissions(folder: Path) -> list[Submission]:
    """Submissions in a folder, by name; hidden entries are left out.

    Raises:
        NotADirectoryError: `folder` is none.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder; name the one that holds what the students handed in")
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    found = [_submission(entry) for entry in entries]
    count = Counter(each.student for each in found)
    return [each if count[each.student] == 1 else _told(each, found) for each in found]


def _submission(entry: Path) -> Submission:
    name = entry.name if entry.is_dir() else entry.stem
    if entry.is_symlink():
        return Submission(name, entry, "a link, which is not followed")
    if not entry.is_dir() and not entry.is_file():
        return Submission(name, entry, "neither a file nor a folder")
    if entry.is_file() and entry.suffix.lower() not in KINDS:
        return Submission(name, entry, f"no {', '.join(KINDS)} or folder: convert it")
    return Submission(name, entry)


def _told(submission: Submission, all_of_them: list[Submission]) -> Submission:
    others = [other.path.name for other in all_of_them if other.student == submission.student]
    return replace(submission, note=f"{len(others)} submissions have this name: {', '.join(sorted(others))}")
