"""Errors for damaged files of a run record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dlcvlib.files import digests
from dlcvlib.memory import is_out_of_memory

CURE = "copy the record again from where it was made, or remove it and train again"


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Turn any error raised inside into one that names `file`; an error that already names it passes unchanged.

    Raises:
        ValueError: `file` is damaged.
        OSError: as raised inside; its message names the file.
        MemoryError: the content of `file` does not fit into memory.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # on damaged content, readers raise almost anything
        if any(str(file.parent / name) in str(error) for name in (file.name, digests.NAME)):
            raise
        if is_out_of_memory(error):
            raise MemoryError(f"{file}: its content does not fit into memory ({error})") from error
        raise ValueError(f"{file} is damaged ({type(error).__name__}: {error}): {CURE}") from error
