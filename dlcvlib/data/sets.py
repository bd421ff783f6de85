"""What the course data are made of: sets, their splits, and what can be wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

SET_NAMES = ("classification", "mini", "office", "satellite")


class DataError(ValueError):
    """Something about the data on disk is wrong; the message names the file, the reason and the cure."""


class FileError(DataError):
    """One file that cannot be used; training raises it, and `dlcv data check` makes a `Problem` of it."""

    def __init__(self, path: Path, kind: str, reason: str) -> None:
        super().__init__(f"{printable(path)}: {reason}")
        self.path, self.kind, self.reason = path, kind, reason


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a set, as `dlcv data check` reports it and as training raises it."""

    set_name: str  # one of SET_NAMES; "" where it concerns no set
    kind: str  # a short constant phrase, the same for alike problems: "row without file", "undecodable file", ...
    path: Path  # the file or folder concerned
    reason: str  # what is wrong with it, and what to do where that is not plain

    def __str__(self) -> str:
        return f"{printable(self.path)}: {self.reason}"


def printable(path: Path | str) -> str:
    """Return a path as text that can be printed and written; bytes of a name that are not UTF-8 appear as `\\udcff`."""
    return str(path).encode(errors="backslashreplace").decode()


def is_printable(path: Path | str) -> bool:
    """Whether a path is UTF-8 text; a Linux file system allows any bytes."""
    return printable(path) == str(path)


@dataclass(frozen=True)
class Split:
    """The images of one split, in a fixed order."""

    name: str  # "train" | "val"
    files: tuple[Path, ...]  # natural order of the names, or the order of the csv (office, and mini with a csv)
    labels: np.ndarray | None  # int64 (N,); None where unlabelled
    masks: tuple[Path, ...] | None = None  # one a file, satellite only


@dataclass(frozen=True)
class ImageSet:
    """One of the four sets of the course."""

    name: str  # one of SET_NAMES
    root: Path  # its folder
    train: Split
    val: Split | None  # None for mini
    class_names: tuple[str, ...]  # () where unlabelled
    written_labels: tuple[str, ...] = ()  # how the csv writes each class; () where it writes the ids themselves


@dataclass(frozen=True)
class CourseData:
    """Every set found below one root; None where a set is absent."""

    root: Path
    is_toy: bool
    classification: ImageSet | None
    mini: ImageSet | None
    office: ImageSet | None
    satellite: ImageSet | None
