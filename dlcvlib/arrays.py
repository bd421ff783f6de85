"""Named arrays kept in compressed `.npz` files, that can be made again: a damaged file reads as none."""

from __future__ import annotations

import errno
import io
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np

from dlcvlib.files import read_regular, whole_file

UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


def read_kept(file: Path) -> dict[str, np.ndarray] | None:
    """Read the arrays that `keep` wrote; None where the file is missing, or damaged, which a line on stderr says."""
    try:
        return _whole(read_regular(file))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # damaged bytes make zipfile and numpy raise almost anything
        print(f"{file} is damaged ({type(error).__name__}); it is made again", file=sys.stderr)
        return None


def _whole(content: bytes) -> dict[str, np.ndarray]:
    """Read the arrays of an `.npz` file, each with its checksum.

    Every member is read to its end before numpy sees it: numpy alone reads as far as the header in it says, and where
    that is damaged no checksum would be compared. A damaged table of contents may hide members, so they are counted.
    """
    with ZipFile(io.BytesIO(content)) as archive:
        members = [(name.removesuffix(".npy"), archive.read(name)) for name in archive.namelist()]
    (written,) = struct.unpack("<H", content[-12:-10])  # of the record that ends a zip file
    if len(members) != written:
        raise BadZipFile(f"{len(members)} of {written} arrays are found")
    return {name: np.load(io.BytesIO(member), allow_pickle=False) for name, member in members}


def keep(file: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays for the next time; where that is not allowed, in a record on a read-only disk, a line says so.

    Raises:
        DiskFullError: the disk is full.
    """
    try:
        with whole_file(file) as target:
            np.savez_compressed(target, allow_pickle=False, **arrays)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        print(f"{file.parent} cannot be written ({error.strerror}); what was made is not kept", file=sys.stderr)
