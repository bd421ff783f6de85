"""Files and folders that appear whole or not at all."""

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
except ImportError:  # Windows: parts of killed writers are then left where they are
    fcntl = None  # type: ignore[assignment]

STALE_AFTER = 60.0
"""Seconds after which a part that no process holds counts as left over: a writer may not have locked a younger one."""


class DiskFullError(OSError):
    """There is no room left; the message names the file, the room needed and what to do."""


@contextmanager
def whole_file(path: str | Path, size: int | None = None) -> Iterator[IO[bytes]]:
    """Open a file for writing that replaces `path` only once everything is on disk.

    A writer that is killed, or that raises, leaves the old file (or none), never a part of the new one. What a killed
    one left is removed by the next writer of the same file.

    Args:
        path: the file to write; its folder is made if need be.
        size: bytes that will be written, for the message where they do not fit.

    Yields:
        a binary file beside `path`, flushed to disk and renamed onto it on leaving.

    Raises:
        DiskFullError: the disk is full.
    """
    path = Path(path)
    with telling_disk_full(path, size):
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
    """Open an empty folder for writing that replaces `path`, with all that is in it, on leaving.

    Only for folders that are the program's own. If the writer raises, the new folder is removed and the old one stays.
    Two writers of one folder need a lock around both.

    Args:
        path: the folder to write.
        alone: the caller holds such a lock, so that whatever part there is was left by a killed writer.

    Raises:
        DiskFullError: the disk is full.
    """
    path = Path(path)
    with telling_disk_full(path), work_folder(path, alone=alone) as work:
        new = work / "new"
        new.mkdir()
        yield new
        if path.exists():
            path.rename(work / "old")
        new.rename(path)


@contextmanager
def work_folder(path: Path, *, alone: bool = False) -> Iterator[Path]:
    """Make an empty hidden folder beside `path` to prepare it in; removed on leaving, or by the next call if killed.

    With `alone` the caller holds a lock on `path`; see `whole_folder`.
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
    """Hold a folder alone: another process that asks for it waits. The lock ends with its holder and leaves no file."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks: processes are then not kept apart
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def telling_disk_full(path: Path, size: int | None = None) -> Iterator[None]:
    """Turn "no space left on device" into a message that helps.

    Args:
        path: what is written.
        size: bytes that it needs, where they are known.

    Raises:
        DiskFullError: the disk became full inside.
    """
    try:
        yield
    except OSError as error:
        if not is_disk_full(error):
            raise
        folder = next(parent for parent in path.absolute().parents if parent.is_dir())
        free = shutil.disk_usage(folder).free
        needed = "more room than there is" if size is None else f"{size / 1e6:.1f} MB"
        raise DiskFullError(
            f"{path}: the disk is full; writing it needs {needed}, and {free / 1e6:.1f} MB are free. Make room, then "
            "run the same command again: it resumes"
        ) from error


def is_disk_full(error: BaseException) -> bool:
    """Whether an error says that a disk or a quota is full; numpy says it without an error number."""
    if isinstance(error, DiskFullError) or not isinstance(error, OSError):
        return False
    unnumbered = error.errno is None and re.search(r"requested and \d+ written", str(error)) is not None
    return unnumbered or error.errno in (errno.ENOSPC, errno.EDQUOT)


def read_regular(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        OSError: it is missing, cannot be read, or is a folder, a pipe or a device: to open a pipe is to wait for ever.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "is no regular file but a folder, a pipe or a device; take it away", str(path))
    return path.read_bytes()


def write_bytes(path: str | Path, data: bytes | memoryview) -> None:
    """Write `data` to `path`, whole or not at all."""
    with whole_file(path, len(data)) as file:
        file.write(data)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text to `path`, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON to `path`, whole or not at all; nan and infinity, which JSON lacks, are refused.

    Raises:
        ValueError: `value` holds nan or infinity.
    """
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """Return `value` as `write_json` writes it."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def sweep(path: Path, older_than: float = STALE_AFTER) -> None:
    """Remove the parts that killed writers of `path` left; a living writer holds its own locked."""
    if fcntl is None:
        return
    name = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}\.part")
    with suppress(OSError), os.scandir(path.parent) as entries:
        for part in [Path(entry.path) for entry in entries if name.fullmatch(entry.name)]:
            with suppress(OSError):  # another process was faster, or it is not ours to remove
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
