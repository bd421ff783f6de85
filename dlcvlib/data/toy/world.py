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

VERSION = 1  # raised whenever the same seed would draw something else; older toy worlds are then drawn anew
MARKER = "toy.json"
WORLD_BYTES = 45_000_000
"""Room that the world of scale 1 needs, for the message where there is less: 7,000 files in blocks of 4 kB."""
SHOWN = 5
"""Files that a message names."""


def is_drawn(root: str | Path) -> bool:
    """Whether a whole toy world of this version lies at `root`: its marker stands and no file has gone since.

    Files that were added do no harm, and contents are not looked at.
    """
    said = _marker(Path(root))
    if said.get("version") != VERSION:
        return False
    names = _names_below(Path(root))
    try:
        noted = digests.read(Path(root)).keys()
    except ValueError:  # damaged: `draw` then says so
        return False
    return noted <= names if noted else said.get("files", 0) <= len(names)  # nothing was noted by older versions


def draw(root: str | Path, seed: int = 0, scale: float = 1.0) -> Path:
    """Draw the toy world below `root`, which appears whole or not at all.

    It is drawn into a hidden folder beside `root`, which takes its place once everything is on disk. A toy world of
    this version, seed and scale that already stands is kept; any other is replaced, unless a file of the reader's is
    in it.

    Args:
        root: the folder to make; it then holds `p1_data`, `p2_data`, `p3_data` and the marker `toy.json`.
        seed: source of everything; the same seed gives the same bytes. At least 0.
        scale: part of the images to draw, in (0, 1]. At 1: 50 x (40 + 10) classification images of 32 px, 64 x 50 Mini
            images of 84 px, 65 x (12 to 20 + 4) Office images of 128 px, 60 + 20 satellite pairs of 256 px. Below,
            never fewer than 2 images a class and 4 + 7 pairs.

    Returns:
        `root`.

    Raises:
        ValueError: `seed` or `scale` is out of its range.
        FileExistsError: `root` holds something other than a toy world, or a file in it is not as it was drawn.
        DiskFullError: the world does not fit.
    """
    root = Path(root)
    if not 0 < scale <= 1:
        raise ValueError(f"scale is {scale}; it must be above 0 and at most 1")
    if seed < 0:
        raise ValueError(f"seed is {seed}; it must be at least 0")
    if _stands(root, seed, scale):  # asked before the lock too: a world in a read-only folder can still be used
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(root.parent / f".{root.name}.lock"):  # of two chapters that start at once, the second waits
        if _stands(root, seed, scale):
            return root
        _refuse_foreign(root)
        with whole_folder(root, alone=True) as world, disk_full_error(root, round(WORLD_BYTES * scale)):
            draw_all(world, seed, scale)
            note_folder(world)
            files = len(_names_below(world))
            write_json(world / MARKER, {"seed": seed, "scale": scale, "version": VERSION, "files": files})
            _refuse_foreign(root)  # again: something may have been put there while it was drawn
    return root


def _marker(root: Path) -> dict[str, Any]:
    """What the marker says; empty where there is none, or none that `draw` wrote."""
    try:
        said = json.loads(read_regular(root / MARKER))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _names_below(root: Path) -> set[str]:
    """Names, relative to `root`, of the files below it; the marker and hidden files are left out."""
    names: set[str] = set()
    for folder, _, files in os.walk(root):
        below = Path(folder).relative_to(root)
        names.update(str(below / name) for name in files if not name.startswith("."))
    return names - {MARKER}


def _stands(root: Path, seed: int, scale: float) -> bool:
    """Whether just this toy world lies at `root`."""
    said = _marker(root)
    return (said.get("seed"), said.get("scale")) == (seed, scale) and is_drawn(root)


def _refuse_foreign(root: Path) -> None:
    """Never replace anything that `draw` did not make."""
    if not os.path.lexists(root) or (root.is_dir() and not root.is_symlink() and not any(root.iterdir())):
        return
    elsewhere = f"move {root} away, or name another folder"
    if root.is_symlink() or not root.is_dir():
        raise ForeignFileError(f"{root} is a link or a file, which no toy world replaces; {elsewhere}")
    if not (root / MARKER).is_file():
        raise ForeignFileError(f"{root} holds files but no {MARKER}, so it is no toy world; {elsewhere}")
    if not digests.read(root):
        raise ForeignFileError(
            f"{root} is another toy world, drawn by an older dlcv, and nothing tells your files in it from drawn ones, "
            f"so it is not replaced; {elsewhere}"
        )
    if foreign := [str(file) for file in foreign_files(root) if file != root / MARKER]:
        more = f" and {len(foreign) - SHOWN} more" if len(foreign) > SHOWN else ""
        raise ForeignFileError(
            f"{', '.join(foreign[:SHOWN])}{more}: added to the toy world or changed in it, so {root} is not replaced; "
            f"move them away, {elsewhere}"
        )
