"""Digests of files, kept beside them: what was written here, and whether it is still what was written.

`.digests.json` in a folder maps the name of each file that was written into it to the digests of its content. It is
written *before* the file, and holds the coming content beside the one there is, so that whichever of the two a killed
writer leaves is known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from dlcvlib.files import write_json

NAME = ".digests.json"
KEPT = 4
"""Contents of a file that are known, the newest first: a writer killed twice leaves the oldest of three."""


def digest(data: bytes | memoryview) -> str:
    """Return the digest of a file's content: 128 bits of BLAKE2b in hexadecimal."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def file_digest(file: Path) -> str:
    """Return the digest of a file's content, reading it piece by piece."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def read(folder: Path) -> dict[str, list[str]]:
    """Return the known digests of each file of `folder`, by its name; an empty dict where none were noted.

    Raises:
        ValueError: the file of digests is damaged.
    """
    file = folder / NAME
    if not file.is_file():
        return {}
    try:
        known = json.loads(file.read_bytes())
        if not isinstance(known, dict) or not all(isinstance(digests, list) for digests in known.values()):
            raise ValueError("it does not map names to lists")
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{file} is damaged ({error}), so nothing says whether the files beside it are sound; remove it to "
            "trust them"
        ) from error
    return known


def announce(folder: Path, coming: Mapping[str, str]) -> None:
    """Note files that are about to be written into `folder`, by name, with the digests of what they will hold."""
    known = read(folder)
    changed = known | {
        name: list(dict.fromkeys([digest, *known.get(name, [])]))[:KEPT] for name, digest in coming.items()
    }
    if changed != known:
        write_json(folder / NAME, changed)


def forget(folder: Path, names: Iterable[str]) -> None:
    """Drop the digests of files that are gone; with the last of them goes the file of digests."""
    known = read(folder)
    left = {name: digests for name, digests in known.items() if name not in set(names)}
    if not left:
        (folder / NAME).unlink(missing_ok=True)
    elif left != known:
        write_json(folder / NAME, left)
