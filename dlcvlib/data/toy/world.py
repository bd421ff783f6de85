"""The toy world on disk: drawn once, and never replaced if it holds a file of the user's.

Digests of the drawn files are kept (`dlcvlib.files.digests`): a file without one, or changed since, is the user's.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from filelock import FileLock

from dlcvlib.data.toy.writing import draw_all
from dlcvlib.files import digests
from dlcvlib.files.atomic import disk_full_error, read_regular, whole_folder, write_json
from dlcvlib.files.outputs import ForeignFileError, foreign_files, note_folder

VERSION = 2  # raise it whenever the same seed would draw something else; older toy worlds are then drawn again
MARKER = "toy.json"
WORLD_BYTES = 45_000_000
"""Disk space for a world of scale 1, for the error message: 7,000 files in blocks of 4 kB."""
SHOWN = 5
"""Maximum number of files in a message."""


def is_drawn(root: str | Path) -> bool:
    """Return True if `root` holds a complete toy world of this version; the content of files is not compared."""
    marker = _read_marker(Path(root))
    if marker.get("version") != VERSION:
        return False
    names = _names_below(Path(root))
    try:
        known = digests.read(Path(root)).keys()
    except ValueError:  # damaged; `draw` raises the error
        return False
    return known <= names if known else marker.get("files", 0) <= len(names)  # older versions kept no digests


def draw(root: str | Path, seed: int = 0, scale: float = 1.0) -> Path:
    """Draw the toy world at `root`, all or nothing.

    It is drawn into a hidden folder beside `root` first. An existing toy world of this version, seed and scale is kept;
    any other is replaced unless it holds a file of the user's.

    Args:
        root: the folder to make, with `p1_data`, `p2_data`, `p3_data` and the marker `toy.json`.
        seed: seed of all images, at least 0; equal seeds give equal bytes.
        scale: share of the images to draw, in (0, 1]. At 1: 16 x (40 + 12) classification images of 32 px, 16 x 80
            Mini images of 64 px, 16 x (8 to 12 + 12) Office images of 96 px, 90 + 16 satellite pairs of 128 px; for any
            scale at least 2 images per class and 4 + 7 pairs.

    Returns:
        `root`.

    Raises:
        ValueError: `seed` or `scale` is out of range.
        FileExistsError: `root` holds something other than a toy world, or a file that was added or changed.
        DiskFullError: the world does not fit.
    """
    root = Path(root)
    if not 0 < scale <= 1:
        raise ValueError(f"scale is {scale}; it must be above 0 and at most 1")
    if seed < 0:
        raise ValueError(f"seed is {seed}; it must be at least 0")
    if _exists(root, seed, scale):  # before taking the lock, which fails in a read-only folder
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(root.parent / f".{root.name}.lock"):  # if two chapters start at once, the second waits
        if _exists(root, seed, scale):
            return root
        _refuse_foreign(root)
        with whole_folder(root, alone=True) as world, disk_full_error(root, round(WORLD_BYTES * scale)):
            draw_all(world, seed, scale)
            note_folder(world)
            files = len(_names_below(world))
            write_json(world / MARKER, {"seed": seed, "scale": scale, "version": VERSION, "files": files})
            _refuse_foreign(root)  # again: a file may have been added in the meantime
    return root


def _read_marker(root: Path) -> dict[str, Any]:
    """Return the content of the marker; empty if there is none or it is damaged."""
    try:
        marker = json.loads(read_regular(root / MARKER))
    except (OSError, ValueError):
        return {}
    return marker if isinstance(marker, dict) else {}


def _names_below(root: Path) -> set[str]:
    """Return the paths, relative to `root`, of the files below it, without the marker and hidden files."""
    names: set[str] = set()
    for folder, _, files in os.walk(root):
        below = Path(folder).relative_to(root)
        names.update(str(below / name) for name in files if not name.startswith("."))
    return names - {MARKER}


def _exists(root: Path, seed: int, scale: float) -> bool:
    marker = _read_marker(root)
    return (marker.get("seed"), marker.get("scale")) == (seed, scale) and is_drawn(root)


def _refuse_foreign(root: Path) -> None:
    """Raise an error if `root` holds anything that `draw` did not make."""
    if not os.path.lexists(root) or (root.is_dir() and not root.is_symlink() and not any(root.iterdir())):
        return
    elsewhere = f"move {root} away, or name another folder"
    if root.is_symlink() or not root.is_dir():
        raise ForeignFileError(f"{root} is a link or a file, which is not replaced; {elsewhere}")
    if not (root / MARKER).is_file():
        raise ForeignFileError(f"{root} holds files but no {MARKER}, so it is not a toy world; {elsewhere}")
    if not digests.read(root):
        raise ForeignFileError(
            f"{root} is a toy world of an older version, without digests to recognise your own files in it, so it is "
            f"not replaced; {elsewhere}"
        )
    if foreign := [str(file) for file in foreign_files(root) if file != root / MARKER]:
        more = f" and {len(foreign) - SHOWN} more" if len(foreign) > SHOWN else ""
        raise ForeignFileError(
            f"{', '.join(foreign[:SHOWN])}{more}: added to the toy world or changed in it, so {root} is not replaced; "
            f"move them away, {elsewhere}"
        )
