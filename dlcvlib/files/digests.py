"""Digests of the files in a folder, to recognise files that were changed or damaged since they were written.

`.digests.json` maps the name of each file in its folder to the digests of its content. It is updated *before* the file
is written and keeps the previous digests, so that a writer killed in between leaves a known file either way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from dlcvlib.files.atomic import write_json

NAME = ".digests.json"
KEPT = 4
"""Number of digests kept for a file, newest first. A writer killed twice leaves the third newest content."""


def digest(data: bytes | memoryview) -> str:
    """Return the digest of a file's content: 128 bits of BLAKE2b in hexadecimal."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def file_digest(file: Path) -> str:
    """Return the digest of a file's content, read in chunks."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def read(folder: Path) -> dict[str, list[str]]:
    """Return the digests of each file of `folder`, by name; an empty dict if there is no `.digests.json`.

    Raises:
        ValueError: `.digests.json` is damaged.
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
            f"{file} is damaged ({error}), so the files beside it cannot be verified; remove it to use them unverified"
        ) from error
    return known


def announce(folder: Path, new: Mapping[str, str]) -> None:
    """Add the digests of files, by name, that are about to be written into `folder`."""
    known = read(folder)
    changed = known | {name: list(dict.fromkeys([digest, *known.get(name, [])]))[:KEPT] for name, digest in new.items()}
    if changed != known:
        write_json(folder / NAME, changed)


def forget(folder: Path, names: Iterable[str]) -> None:
    """Remove the digests of the files `names`; `.digests.json` is deleted with the last one."""
    known = read(folder)
    rest = {name: digests for name, digests in known.items() if name not in set(names)}
    if not rest:
        (folder / NAME).unlink(missing_ok=True)
    elif rest != known:
        write_json(folder / NAME, rest)
