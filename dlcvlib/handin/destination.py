"""Checks of the output path of predictions: images, labels and other files of the user are never replaced."""

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
"""Suffixes that are refused for a csv."""
LABEL_FILES = ("classes.txt", "train.csv", "val.csv", "val_gt.csv")
"""Files that the labels of a data set are read from."""


def check_table(out: Path, course_csv: Path | None, *, replace: bool) -> None:
    """Check that a csv may be written to `out`.

    Args:
        out: file of the csv.
        course_csv: the csv of the course that lists the images, if any.
        replace: replace files that dlcv did not write, but never in a data set.

    Raises:
        ValueError: `out` is not the name of a csv, or is `course_csv`.
        ForeignFileError: `out` must not be replaced.
    """
    if out.is_dir():
        raise ValueError(f"{out} is a folder, but a csv is written; name a file")
    if out.suffix.lower() in OTHER_FILES:
        raise ValueError(f"{out}: a csv is written; use a name that ends in .csv, not in {out.suffix}")
    if course_csv is not None and os.path.realpath(out) == os.path.realpath(course_csv):
        raise ValueError(f"{out} is the csv of --csv and would be overwritten; name another file")
    if out.name in LABEL_FILES and (root := set_around(out)):
        raise ForeignFileError(f"{out} would be read as labels of the data set {root}; name a path outside of it")
    _refuse_foreign([out], out, replace=replace)


def check_masks(out: Path, images: Path, names: Iterable[str], *, replace: bool) -> None:
    """Check that masks may be written into the folder `out`.

    Args:
        out: folder of the masks.
        images: folder of the images.
        names: file names of the masks.
        replace: replace files that dlcv did not write, but never in a data set.

    Raises:
        ValueError: `out` is not a folder, or holds images.
        ForeignFileError: a mask must not be replaced.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file, but masks are written into a folder; name one")
    if not out.is_dir() and out.suffix.lower() in (*OTHER_FILES, ".csv", ".txt"):
        raise ValueError(f"{out} is named like a file, but masks are written into a folder; name one")
    if os.path.realpath(out) == os.path.realpath(images):
        raise ValueError(f"{out} is the folder of images, which may hold the true masks; name another folder")
    if out.is_dir() and (tile := next((file.name for file in out.iterdir() if _is_tile(file.name)), None)):
        raise ValueError(f"{out} holds images ({tile}), and so may hold the true masks; name another folder")
    _refuse_foreign([out / name for name in names], out / "mask", replace=replace)


def _is_tile(name: str) -> bool:
    return re.search(r"_sat\.\w+$", name, re.IGNORECASE) is not None


def _refuse_foreign(files: list[Path], inside: Path, *, replace: bool) -> None:
    root = set_around(inside)
    try:
        refuse_foreign(files, replace=replace and root is None)
    except ForeignFileError as error:
        if root is None:
            raise
        raise ForeignFileError(
            f"{inside.parent} is in the data set {root}, whose files are never replaced; name a path outside of it"
        ) from error
