"""Atomic writes: files and folders that appear whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows: temporary files of killed processes are then not removed
    fcntl = None  # type: ignore[assignment]

STALE_AFTER = 60.0
"""Age in seconds from which an unlocked temporary file is removed: a younger one may not be locked yet."""


class DiskFullError(OSError):
    """The disk is full; the message names the file, the space needed and what to do."""


@contextmanager
def whole_file(path: str | Path, size: int | None = None) -> Iterator[IO[bytes]]:
    """Open a temporary file that replaces `path` when the block ends.

    If the process is killed or the block raises, the old file (or none) stays. The next call for the same path removes
    the temporary file of a killed process.

    Args:
        path: the file to write; its folder is made if needed.
        size: bytes that will be written, for the message if they do not fit.

    Yields:
        a binary file beside `path`, flushed to disk and renamed to it at the end.

    Raises:
        DiskFullError: the disk is full.
    """
    path = Path(path)
    with disk_full_error(path, size):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                _lock(handle)
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.chmod(0o644)  # mkstemp makes it private; records are shared
            part.replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                part.unlink()
            raise


@contextmanager
def whole_folder(path: str | Path, *, alone: bool = False) -> Iterator[Path]:
    """Make an empty temporary folder that replaces the folder `path`, and all files in it, when the block ends.

    Only for folders that hold no files of the user. If the block raises, the old folder stays. Concurrent writers of
    one folder need a lock.

    Args:
        path: the folder to write.
        alone: the caller holds such a lock, so that any temporary folder there is a killed process left.

    Raises:
        DiskFullError: the disk is full.
    """
    path = Path(path)
    with disk_full_error(path), work_folder(path, alone=alone) as work:
        new = work / "new"
        new.mkdir()
        yield new
        if path.exists():
            path.rename(work / "old")
        new.rename(path)


@contextmanager
def work_folder(path: Path, *, alone: bool = False) -> Iterator[Path]:
    """Make an empty hidden folder beside `path`, removed at the end (after a kill, by the next call).

    See `whole_folder` for `alone`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path, 0 if alone else STALE_AFTER)
    work = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
    with locked_folder(work):
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold an exclusive lock on a folder; it ends with the process at the latest and leaves no file."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def disk_full_error(path: Path, size: int | None = None) -> Iterator[None]:
    """Turn "no space left on device" into a `DiskFullError`.

    Args:
        path: the file or folder being written.
        size: bytes that it needs, if known.

    Raises:
        DiskFullError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        if not is_disk_full(error):
            raise
        folder = next(parent for parent in path.absolute().parents if parent.is_dir())
        free = shutil.disk_usage(folder).free
        needed = "" if size is None else f"{size / 1e6:.1f} MB needed, "
        raise DiskFullError(
            f"{path}: the disk is full ({needed}{free / 1e6:.1f} MB free). Make room, then run the same command again: "
            "it resumes"
        ) from error


def is_disk_full(error: BaseException) -> bool:
    """Return True if `error` says that a disk or a quota is full, and is no `DiskFullError` yet."""
    if isinstance(error, DiskFullError) or not isinstance(error, OSError):
        return False
    from_numpy = error.errno is None and re.search(r"requested and \d+ written", str(error)) is not None
    return from_numpy or error.errno in (errno.ENOSPC, errno.EDQUOT)


def read_regular(path: Path) -> bytes:
    """Return the content of a regular file; opening a pipe would wait for ever.

    Raises:
        OSError: the file is missing, cannot be read, or is a folder, a pipe or a device.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "is not a regular file but a folder, a pipe or a device; remove it", str(path))
    return path.read_bytes()


def write_bytes(path: str | Path, data: bytes | memoryview) -> None:
    """Write `data` to `path` atomically."""
    with whole_file(path, len(data)) as file:
        file.write(data)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text to `path` atomically."""
    write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON to `path` atomically.

    Raises:
        ValueError: `value` holds nan or infinity, which JSON lacks.
    """
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """Return the text that `write_json` writes."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def sweep(path: Path, older_than: float = STALE_AFTER) -> None:
    """Remove temporary files and folders that killed writers of `path` left; running writers hold a lock on theirs."""
    if fcntl is None:
        return
    name = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}\.part")
    with suppress(OSError), os.scandir(path.parent) as entries:
        for part in [Path(entry.path) for entry in entries if name.fullmatch(entry.name)]:
            with suppress(OSError):  # locked, removed by another process, or of another user
                _remove_if_stale(part, older_than)


def _lock(handle: int) -> None:
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove_if_stale(part: Path, older_than: float) -> None:
    if time.time() - part.lstat().st_mtime < older_than or part.is_symlink():
        return
    handle = os.open(part, os.O_RDONLY | os.O_NONBLOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink()
    finally:
        os.close(handle)
