"""Folder of `make gpu-check`; a folder of its name that the check did not make is never emptied or removed."""

from __future__ import annotations

import shutil
from pathlib import Path

from book.commands import ROOT
from dlcvlib.files.generated import is_part
from dlcvlib.files.outputs import ForeignFileError

CHECKED = ROOT / "runs-gpu-check"
MARKER = ".made-by-gpu-check"
CONTENTS = ("cache", "chapters", "gpu", "toy")
"""Names that lie in the folder, beside the marker, once the check has run."""


def start(folder: Path = CHECKED) -> None:
    """Make the folder, or empty it.

    Raises:
        ForeignFileError: a check did not make it, or something else lies in it; nothing is changed.
    """
    if folder.exists() or folder.is_symlink():
        _empty(folder)
    folder.mkdir(exist_ok=True)
    (folder / MARKER).touch()


def remove(folder: Path = CHECKED) -> None:
    """Remove the folder; the marker goes last, so that a killed call can be repeated.

    Raises:
        ForeignFileError: a check did not make it, or something else lies in it; nothing is changed.
    """
    if folder.exists() or folder.is_symlink():
        _empty(folder)
        (folder / MARKER).unlink()
        folder.rmdir()


def _empty(folder: Path) -> None:
    cure = "move it away, or remove it if nobody needs it"
    if folder.is_symlink() or not (folder / MARKER).is_file():
        raise ForeignFileError(f"{folder}: not made by make gpu-check; {cure}")
    entries = [entry for entry in sorted(folder.iterdir()) if entry.name != MARKER]
    for entry in entries:
        if entry.is_symlink() or not entry.is_dir() or (entry.name not in CONTENTS and not is_part(entry)):
            raise ForeignFileError(f"{entry}: not written by make gpu-check; {cure}")
    for entry in entries:
        shutil.rmtree(entry)
