"""Damaged files of a run record: one message that names the file and says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dlcvlib import digests
from dlcvlib.memory import is_out_of_memory

CURE = "copy the record anew from where it was made, or remove it and train it anew"


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Name `file` where it, or what it describes, cannot be read inside; a message that names it already stays.

    Raises:
        ValueError: something was wrong inside.
        OSError: as raised inside, which names a file by itself.
        MemoryError: what the file holds does not fit into memory.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # whatever may stand in the file: its readers raise almost anything
        if any(str(file.parent / name) in str(error) for name in (file.name, digests.NAME)):
            raise
        if is_out_of_memory(error):
            raise MemoryError(f"{file}: what it holds does not fit into memory ({error})") from error
        raise ValueError(f"{file} is damaged ({type(error).__name__}: {error}): {CURE}") from error
