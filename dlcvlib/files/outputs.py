"""Output files at paths that the user names; they never replace a file that dlcv did not write.

The digest of each output is kept in its folder (`dlcvlib.files.digests`). A file without a digest, or changed since, is
foreign: it belongs to the user. No output is ever written into a run record.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dlcvlib.files import digests
from dlcvlib.files.atomic import disk_full_error, locked_folder, work_folder, write_bytes

SHOWN = 5
"""Maximum number of files in a message."""
DEPTH = 3
"""Depth of the folders of a run record: RECORD/snapshots/epoch_0001."""


class ForeignFileError(FileExistsError):
    """An output would replace a file that dlcv did not write; the message names it and says what to do."""


@contextmanager
def output_file(path: str | Path, *, replace: bool = False) -> Iterator[IO[bytes]]:
    """Open an in-memory file that is written to `path` atomically when the block ends.

    Args:
        path: the file to write; its folder is made if needed.
        replace: replace foreign files too.

    Yields:
        a binary file in memory.

    Raises:
        ForeignFileError: `path` is foreign; raised before the block runs.
        PermissionError: `path` cannot be written; raised before the block runs.
    """
    path = Path(path)
    refuse_foreign([path], replace=replace)
    _refuse_unwritable(path)
    content = io.BytesIO()
    yield content
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked_folder(path.parent):
        refuse_foreign([path], replace=replace)
        digests.announce(path.parent, {path.name: digests.digest(content.getbuffer())})
        write_bytes(path, content.getbuffer())


@contextmanager
def output_files(folder: str | Path, *, replace: bool = False) -> Iterator[Path]:
    """Make an empty temporary folder; its files are moved into `folder`, beside the files there, when the block ends.

    No file of `folder` is changed before every new one is on disk.

    Args:
        folder: the destination; made if needed.
        replace: replace foreign files too.

    Raises:
        ForeignFileError: a foreign file has the name of one of the new files; nothing is changed.
    """
    folder = Path(folder)
    if folder.is_dir():
        folder = folder.resolve()  # follow a link to a folder
    _refuse_special(folder)
    _refuse_record(folder / "name")
    _refuse_unwritable(folder / "name")
    # An existing folder holds the temporary one: its parent may be another disk, or not writable.
    existed = folder.exists()
    with disk_full_error(folder), work_folder(folder / folder.name if existed else folder) as work:
        new = work / "new"
        new.mkdir()
        yield new
        files = sorted(new.iterdir())
        new_digests = {file.name: digests.file_digest(file) for file in files}
        if not existed:
            with locked_folder(folder.parent):
                if not folder.exists():  # another process may have been faster
                    digests.announce(new, new_digests)
                    new.rename(folder)
                    return
        with locked_folder(folder):
            refuse_foreign([folder / name for name in new_digests], replace=replace)
            digests.announce(folder, new_digests)
            for file in files:
                file.replace(folder / file.name)


@contextmanager
def output_folder(folder: str | Path, *, replace: bool = False) -> Iterator[Path]:
    """Make an empty temporary folder that replaces `folder`, and all files in it, when the block ends.

    Args:
        folder: made if needed.
        replace: replace foreign files too.

    Raises:
        ForeignFileError: `folder` holds a foreign file; raised before the block runs.
    """
    folder = Path(folder)
    refuse_foreign_folder(folder, replace=replace)
    _refuse_unwritable(folder)
    with disk_full_error(folder), work_folder(folder) as work:
        new = work / "new"
        new.mkdir()
        yield new
        note_folder(new)
        with locked_folder(folder.parent):
            refuse_foreign_folder(folder, replace=replace)
            if folder.exists():
                folder.rename(work / "old")
            new.rename(folder)


def note_folder(folder: Path) -> None:
    """Note every file below `folder` as written by dlcv."""
    digests.announce(folder, {name: digests.file_digest(folder / name) for name in files_below(folder)})


def refuse_foreign(files: Iterable[Path], *, replace: bool = False) -> None:
    """Raise an error if one of `files` must not be replaced.

    Raises:
        ForeignFileError: a file is foreign (unless `replace`), or is a folder, link, device or part of a run record.
    """
    foreign = []
    known: dict[Path, dict[str, list[str]]] = {}
    for file in files:
        _refuse_special(file)
        _refuse_record(file)
        if file.is_dir():
            raise ForeignFileError(f"{file} is a folder; name a file")
        if file.exists() and not replace:
            in_folder = known.setdefault(file.parent, digests.read(file.parent))
            # An empty file, as graders make with mktemp, may be replaced.
            if file.stat().st_size and not _is_own(file, in_folder.get(file.name, [])):
                foreign.append(file)
    _refuse(foreign)


def refuse_foreign_folder(folder: Path, *, replace: bool = False) -> None:
    """Raise an error if `folder` must not be replaced.

    Raises:
        ForeignFileError: a file in it is foreign (unless `replace`), or `folder` is a file, a link or a device.
    """
    _refuse_special(folder)
    if folder.is_file():
        raise ForeignFileError(f"{folder} is a file, but a folder is to be written; name another path")
    if folder.exists() and not replace:
        _refuse(foreign_files(folder))


def foreign_files(folder: Path, pattern: str = "**/*") -> list[Path]:
    """Return the files below `folder` that dlcv did not write, or that were changed since.

    Args:
        folder: may be missing.
        pattern: of the files considered, for `Path.glob`.
    """
    known = digests.read(folder)
    names = files_below(folder, pattern)
    return [folder / name for name in names if not _is_own(folder / name, known.get(name, []))]


def files_below(folder: Path, pattern: str = "**/*") -> list[str]:
    """Return the paths, relative to `folder`, of the files and links below it except `.digests.json`."""
    entries = (entry for entry in folder.glob(pattern) if entry.is_symlink() or not entry.is_dir())
    return sorted(str(entry.relative_to(folder)) for entry in entries if entry != folder / digests.NAME)


def _is_own(file: Path, known: list[str]) -> bool:
    return not file.is_symlink() and file.is_file() and digests.file_digest(file) in known


def _refuse_special(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise ForeignFileError(f"{str(path)!a} is not UTF-8 text; name another path") from error
    if path.is_symlink():
        raise ForeignFileError(f"{path} is a link, which is not replaced; name its target or another path")
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ForeignFileError(f"{path} is a device or a pipe, which is not replaced; name a file")


def _refuse_record(path: Path) -> None:
    for folder in path.absolute().parents[:DEPTH]:
        if (folder / "run.json").is_file() and any(
            (folder / name).is_file() for name in ("history.csv", "model.safetensors", "checkpoint.pt")
        ):
            raise ForeignFileError(f"{path} is inside the run record {folder}, which is not changed; name another path")


def _refuse_unwritable(path: Path) -> None:
    """Raise an error if `path` cannot be made.

    Raises:
        NotADirectoryError, PermissionError: the nearest existing parent is no folder, or is not writable.
    """
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder; name another path")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{folder} cannot be written to; name another path, or change its permissions")


def _refuse(files: list[Path]) -> None:
    if files:
        more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
        raise ForeignFileError(
            f"{', '.join(map(str, files[:SHOWN]))}{more}: not written by dlcv, or changed since, so not replaced. Name "
            "another path, move it away, or add --replace"
        )
