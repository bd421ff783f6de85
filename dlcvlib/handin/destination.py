"""Where predictions may be written: never over the images, the truth or anything else that is not dlcv's own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from dlcvlib.data.editions import set_around
from dlcvlib.data.images import IMAGE_SUFFIXES
from dlcvlib.files.outputs import ForeignFileError, refuse_foreign
from dlcvlib.models.loading import SUFFIXES as WEIGHTS_SUFFIXES

OTHER_FILES = (*IMAGE_SUFFIXES, *WEIGHTS_SUFFIXES, ".html", ".json", ".py", ".sh", ".zip")
"""Endings of files that are no csv."""
TRUTHS = ("classes.txt", "train.csv", "val.csv", "val_gt.csv")
"""Files that a set's labels are read from."""


def check_table(out: Path, given: Path | None, *, replace: bool) -> None:
    """Make certain that a csv may be written to `out`.

    Args:
        out: file of the csv.
        given: the csv that it answers.
        replace: also in place of a file that dlcv did not write; but never in a data set.

    Raises:
        ValueError: `out` is no name of a csv, or is `given` itself.
        ForeignFileError: something stands there that is not replaced.
    """
    if out.is_dir():
        raise ValueError(f"{out} is a folder; a csv is written: name a file")
    if out.suffix.lower() in OTHER_FILES:
        raise ValueError(f"{out}: a csv is written, so give a name that ends in .csv, not in {out.suffix}")
    if given is not None and os.path.realpath(out) == os.path.realpath(given):
        raise ValueError(f"{out} is the given csv itself, which would be lost: name another file")
    if out.name in TRUTHS and (root := set_around(out)):
        raise ForeignFileError(f"{out} would be read as labels of the data set {root}; name a place outside of it")
    _refuse_in_the_way([out], out, replace=replace)


def check_masks(out: Path, images: Path, names: Iterable[str], *, replace: bool) -> None:
    """Make certain that masks of these names may be written into the folder `out`; otherwise as `check_table`.

    Args:
        out: folder of the masks.
        images: folder of the images.
        names: of the masks.
        replace: also in place of files that dlcv did not write; but never in a data set.

    Raises:
        ValueError: `out` is no folder, or is a folder of images.
        ForeignFileError: something stands there that is not replaced.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; masks are written into a folder: name one")
    if not out.is_dir() and out.suffix.lower() in (*OTHER_FILES, ".csv", ".txt"):
        raise ValueError(f"{out} is named like a file; masks are written into a folder: name one")
    if os.path.realpath(out) == os.path.realpath(images):
        raise ValueError(f"{out} is the folder of images; the masks of the truth may lie there: name another one")
    if out.is_dir() and (tile := next((file.name for file in out.iterdir() if _is_tile(file.name)), None)):
        raise ValueError(f"{out} holds images ({tile}); the masks of the truth may lie there: name another folder")
    _refuse_in_the_way([out / name for name in names], out / "mask", replace=replace)


def _is_tile(name: str) -> bool:
    return re.search(r"_sat\.\w+$", name, re.IGNORECASE) is not None


def _refuse_in_the_way(files: list[Path], inside: Path, *, replace: bool) -> None:
    root = set_around(inside)
    try:
        refuse_foreign(files, replace=replace and root is None)
    except ForeignFileError as error:
        if root is None:
            raise
        raise ForeignFileError(
            f"{inside.parent} lies in the data set {root}, whose files are never replaced; name a place outside of it"
        ) from error
