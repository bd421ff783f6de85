"""Errors that are meant for the user: their message and the exit status. Any other is a bug and keeps its traceback."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from dlcvlib.errors import ProcessLostError, RecordMismatchError, TrainingDivergedError
from dlcvlib.files.atomic import is_disk_full
from dlcvlib.memory import is_out_of_memory

EXPECTED = (ValueError, OSError, RecordMismatchError, ProcessLostError, TrainingDivergedError)


def expected(error: Exception) -> bool:
    """Return True if the message is meant for the user."""
    return isinstance(error, EXPECTED) or is_out_of_memory(error) or _not_installed(error)


def message(error: Exception) -> str:
    """Return a message that says what to do."""
    if _not_installed(error):
        return f"{error}; `dlcv check` reports what is wrong with the installation"
    if is_out_of_memory(error):
        detail = str(error).partition("\n")[0]
        return (
            f"out of memory{f' ({detail})' if detail else ''}: close other programs, or use a smaller profile or a "
            "machine with more memory; the same command resumes after the last epoch"
        )
    if is_disk_full(error):
        file = getattr(error, "filename", None)
        path = Path(os.fsdecode(file)) if file else Path.cwd()
        folder = next((folder for folder in (path, *path.absolute().parents) if folder.is_dir()), Path.cwd())
        free = shutil.disk_usage(folder).free / 1e6
        return (
            f"{file or 'a file'} could not be written: the disk of {folder} is full ({free:.1f} MB free). Make room, "
            "then run the same command again: it resumes"
        )
    return str(error) or type(error).__name__


def status(error: Exception) -> int:
    """Return the exit status after an expected error."""
    return 1 if isinstance(error, TrainingDivergedError | ProcessLostError) else 2


def _not_installed(error: Exception) -> bool:
    """Return True if a package is missing, or if torchvision was built for another torch, a RuntimeError."""
    return isinstance(error, ImportError) or (isinstance(error, RuntimeError) and "torchvision::" in str(error))
