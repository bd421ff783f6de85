"""Functions that damage a file."""

from __future__ import annotations

import io
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

SENTINEL = "code-was-run"


class _Code:
    """An object whose pickle makes a folder when it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.makedirs, (str(self.folder / SENTINEL),)


def cut(file: Path, rng: Random) -> None:
    """Truncate the file, as an interrupted copy would."""
    content = file.read_bytes()
    file.write_bytes(content[: rng.randrange(len(content))] if content else b"")


def emptied(file: Path, rng: Random) -> None:
    """Empty the file, as a crash of the file system would."""
    file.write_bytes(b"")


def zeros(file: Path, rng: Random) -> None:
    """Overwrite a block with zeros, as a torn write would."""
    content = bytearray(file.read_bytes())
    start = rng.randrange(max(1, len(content)))
    length = min(len(content) - start, rng.choice([16, 512, 4096]))
    content[start : start + length] = bytes(length)
    file.write_bytes(content)


def flipped(file: Path, rng: Random) -> None:
    """Flip one bit, as a failing disk or memory would."""
    _flip(file, rng, 1)


def flipped_often(file: Path, rng: Random) -> None:
    """Flip up to a hundred bits."""
    _flip(file, rng, rng.randrange(2, 100))


def _flip(file: Path, rng: Random, times: int) -> None:
    content = bytearray(file.read_bytes())
    for _ in range(times if content else 0):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.write_bytes(content)


def lengthened(file: Path, rng: Random) -> None:
    """Append bytes, as two concurrent writers would."""
    content = file.read_bytes()
    file.write_bytes(content + content[: rng.randrange(1, 200)] + rng.randbytes(rng.randrange(1, 200)))


def garbage(file: Path, rng: Random) -> None:
    """Replace the content with random bytes."""
    file.write_bytes(rng.randbytes(rng.randrange(1, 2000)))


def a_page(file: Path, rng: Random) -> None:
    """Replace the content with an HTML error page, as a failed download would."""
    file.write_text("<!doctype html><html><title>429 Too many requests</title></html>")


def json_of_another_kind(file: Path, rng: Random) -> None:
    """Replace the content with valid JSON of another form."""
    file.write_text(rng.choice(["[]", "{}", "null", "3", '{"status": "finished"}', '"text"', "[" * 5000]))


def a_pickle_with_code(file: Path, rng: Random) -> None:
    """Replace the content with a pickle that runs code when it is loaded."""
    file.write_bytes(pickle.dumps(_Code(file.parent)))


def an_archive_with_code(file: Path, rng: Random) -> None:
    """Replace the content with an archive in torch's format that runs code when it is loaded."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"progress": _Code(file.parent)}, protocol=2))
        archive.writestr("archive/version", "3\n")
        archive.writestr("features.npy", b"\x93NUMPY\x01\x00" + pickle.dumps(_Code(file.parent)))
    file.write_bytes(buffer.getvalue())


def another_file(file: Path, rng: Random) -> None:
    """Replace the content with that of another file in the folder."""
    others = [other for other in sorted(file.parent.iterdir()) if other.is_file() and other != file]
    if others:
        shutil.copyfile(rng.choice(others), file)
    else:
        garbage(file, rng)


def gone(file: Path, rng: Random) -> None:
    """Delete the file."""
    file.unlink()


def a_folder(file: Path, rng: Random) -> None:
    """Replace the file with a folder."""
    file.unlink()
    file.mkdir()


def a_pipe(file: Path, rng: Random) -> None:
    """Replace the file with a named pipe; opening it waits for ever."""
    file.unlink()
    os.mkfifo(file)


def a_loop(file: Path, rng: Random) -> None:
    """Replace the file with a link to itself."""
    file.unlink()
    file.symlink_to(file.name)


DAMAGES: tuple[Callable[[Path, Random], None], ...] = (
    cut,
    emptied,
    zeros,
    flipped,
    flipped,  # the hardest to detect, so twice as often
    flipped_often,
    lengthened,
    garbage,
    a_page,
    json_of_another_kind,
    a_pickle_with_code,
    an_archive_with_code,
    another_file,
    gone,
    a_folder,
    a_pipe,
    a_loop,
)
