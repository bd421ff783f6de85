"""One build at a time in a checkout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: builds are then not exclusive
    fcntl = None  # type: ignore[assignment]

LOCK = Path(__file__).resolve().parent / ".lock"


class BusyError(OSError):
    """Another build is at work in this checkout."""


@contextmanager
def only_build(file: Path = LOCK) -> Iterator[IO[bytes]]:
    """Exclude other builds, without waiting for a running one.

    The kernel drops the lock when the last process that has the file open ends; a leftover file locks nothing.

    Yields:
        the locked file. A command that gets it as standard input holds the lock as well, and so do the commands that
        it starts, also after the build is killed.

    Raises:
        BusyError: another build holds the lock.
    """
    with file.open("a+b") as locked:
        if fcntl is not None:
            try:
                fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BusyError("another make book is at work here: let it end, or end it") from error
            except OSError:  # a file system without locks: builds are then not exclusive
                pass
        yield locked
