"""Ways in which a file is damaged."""

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
    """Its pickle makes a folder when it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.makedirs, (str(self.folder / SENTINEL),)


def cut(file: Path, chance: Random) -> None:
    """Only a beginning is left, as after a broken copy."""
    content = file.read_bytes()
    file.write_bytes(content[: chance.randrange(len(content))] if content else b"")


def emptied(file: Path, chance: Random) -> None:
    """Nothing is left, as after a crash of the file system."""
    file.write_bytes(b"")


def zeros(file: Path, chance: Random) -> None:
    """A block of zeros, as a torn write leaves."""
    content = bytearray(file.read_bytes())
    start = chance.randrange(max(1, len(content)))
    length = min(len(content) - start, chance.choice([16, 512, 4096]))
    content[start : start + length] = bytes(length)
    file.write_bytes(content)


def flipped(file: Path, chance: Random) -> None:
    """One bit is another, as of a failing disk or memory."""
    _flip(file, chance, 1)


def flipped_often(file: Path, chance: Random) -> None:
    """Up to a hundred bits are others."""
    _flip(file, chance, chance.randrange(2, 100))


def _flip(file: Path, chance: Random, times: int) -> None:
    content = bytearray(file.read_bytes())
    for _ in range(times if content else 0):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def lengthened(file: Path, chance: Random) -> None:
    """Something follows, as where two writers met."""
    content = file.read_bytes()
    file.write_bytes(content + content[: chance.randrange(1, 200)] + chance.randbytes(chance.randrange(1, 200)))


def garbage(file: Path, chance: Random) -> None:
    """Other bytes altogether."""
    file.write_bytes(chance.randbytes(chance.randrange(1, 2000)))


def a_page(file: Path, chance: Random) -> None:
    """An error page that a download saved under its name."""
    file.write_text("<!doctype html><html><title>429 Too many requests</title></html>")


def json_of_another_kind(file: Path, chance: Random) -> None:
    """Sound JSON that says something else."""
    file.write_text(chance.choice(["[]", "{}", "null", "3", '{"status": "finished"}', '"text"', "[" * 5000]))


def a_pickle_with_code(file: Path, chance: Random) -> None:
    """A pickle that runs code when it is loaded."""
    file.write_bytes(pickle.dumps(_Code(file.parent)))


def an_archive_with_code(file: Path, chance: Random) -> None:
    """As torch.save writes it, with code inside."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"progress": _Code(file.parent)}, protocol=2))
        archive.writestr("archive/version", "3\n")
        archive.writestr("features.npy", b"\x93NUMPY\x01\x00" + pickle.dumps(_Code(file.parent)))
    file.write_bytes(buffer.getvalue())


def another_file(file: Path, chance: Random) -> None:
    """The content of a neighbour, of whatever kind."""
    others = [other for other in sorted(file.parent.iterdir()) if other.is_file() and other != file]
    if others:
        shutil.copyfile(chance.choice(others), file)
    else:
        garbage(file, chance)


def gone(file: Path, chance: Random) -> None:
    """It was deleted."""
    file.unlink()


def a_folder(file: Path, chance: Random) -> None:
    """A folder has its name."""
    file.unlink()
    file.mkdir()


def a_pipe(file: Path, chance: Random) -> None:
    """A named pipe has its name; whoever opens it waits for ever."""
    file.unlink()
    os.mkfifo(file)


def a_loop(file: Path, chance: Random) -> None:
    """A link has its name that leads back to itself."""
    file.unlink()
    file.symlink_to(file.name)


DAMAGES: tuple[Callable[[Path, Random], None], ...] = (
    cut,
    emptied,
    zeros,
    flipped,
    flipped,  # the hardest to see, so twice as often
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
