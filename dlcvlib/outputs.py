"""Files written where the user says: never in place of anything that this program did not write.

What was written into a folder is noted there with its digest (`dlcvlib.digests`). A file that is not noted, or was
changed since, belongs to the user.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dlcvlib import digests
from dlcvlib.files import locked_folder, telling_disk_full, work_folder, write_bytes

SHOWN = 5
"""Files that a message names."""


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
    """
    path = Path(path)
    refuse_foreign([path], replace=replace)
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
    _refuse_special(folder)
    with telling_disk_full(folder), work_folder(folder) as work:
        new = work / "new"
        new.mkdir()
        yield new
        files = sorted(new.iterdir())
        coming = {file.name: digests.file_digest(file) for file in files}
        with locked_folder(folder.parent):
            if not folder.exists():
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
        ForeignFileError: it was not; or it is a folder, a link or a device, which nothing replaces.
    """
    in_the_way = []
    known: dict[Path, dict[str, list[str]]] = {}
    for file in files:
        _refuse_special(file)
        if file.is_dir():
            raise ForeignFileError(f"{file} is a folder; name a file")
        if file.exists() and not replace:
            noted = known.setdefault(file.parent, digests.read(file.parent))
            if not _is_own(file, noted.get(file.name, [])):
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
    if path.is_symlink():
        raise ForeignFileError(f"{path} is a link, which is not replaced; name what it points to, or another place")
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ForeignFileError(f"{path} is a device or a pipe, which is not replaced; name a file")


def _refuse(files: list[Path]) -> None:
    if files:
        more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
        named = ", ".join(map(str, files[:SHOWN])) + more
        raise ForeignFileError(
            f"{named}: not written by dlcv, or changed since, so not replaced. Name another place, move it away, or "
            "add --replace"
        )
