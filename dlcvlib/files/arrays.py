"""Caches of named arrays in compressed `.npz` files; a damaged file counts as missing."""

from __future__ import annotations

import errno
import io
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np

from dlcvlib.files.atomic import read_regular, whole_file

UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


def read_cache(file: Path) -> dict[str, np.ndarray] | None:
    """Read the arrays that `write_cache` wrote; None if the file is missing or damaged (then with a line on stderr)."""
    try:
        return _parse(read_regular(file))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # damaged bytes make zipfile and numpy raise almost anything
        print(f"{file} is damaged ({type(error).__name__}); it is made again", file=sys.stderr)
        return None


def _parse(content: bytes) -> dict[str, np.ndarray]:
    """Read the arrays of an `.npz` file and verify their checksums.

    Each member is read to its end first, since zipfile compares the checksum only there: numpy would stop where a
    damaged header tells it to. A damaged directory of the zip file may hide members, so they are counted.
    """
    with ZipFile(io.BytesIO(content)) as archive:
        members = [(name.removesuffix(".npy"), archive.read(name)) for name in archive.namelist()]
    (count,) = struct.unpack("<H", content[-12:-10])  # in the end-of-central-directory record
    if len(members) != count:
        raise BadZipFile(f"{len(members)} of {count} arrays are found")
    return {name: np.load(io.BytesIO(member), allow_pickle=False) for name, member in members}


def write_cache(file: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays; on a read-only disk, print a line on stderr instead.

    Raises:
        DiskFullError: the disk is full.
    """
    try:
        with whole_file(file) as target:
            np.savez_compressed(target, allow_pickle=False, **arrays)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        print(f"{file.parent} cannot be written ({error.strerror}); the arrays are not cached", file=sys.stderr)
