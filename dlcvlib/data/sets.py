"""Data classes of the course data: sets, splits and problems."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

SET_NAMES = ("classification", "mini", "office", "satellite")


class DataError(ValueError):
    """The data on disk cannot be used; the message names the file, the reason and the cure."""


class FileError(DataError):
    """A file cannot be used; training raises it, and `dlcv data check` turns it into a `Problem`."""

    def __init__(self, path: Path, kind: str, reason: str) -> None:
        super().__init__(f"{printable(path)}: {reason}")
        self.path, self.kind, self.reason = path, kind, reason


@dataclass(frozen=True)
class Problem:
    """A problem of a set."""

    set_name: str  # one of SET_NAMES; "" if it concerns none
    kind: str  # a constant phrase for problems of one kind: "row without file", "undecodable file", ...
    path: Path  # the file or folder
    reason: str  # description, with the cure

    def __str__(self) -> str:
        return f"{printable(self.path)}: {self.reason}"


def printable(path: Path | str) -> str:
    """Return a path as printable text; bytes that are not UTF-8 appear as `\\udcff`."""
    return str(path).encode(errors="backslashreplace").decode()


def is_printable(path: Path | str) -> bool:
    """Return True if a path is UTF-8 text; Linux allows any bytes."""
    return printable(path) == str(path)


@dataclass(frozen=True)
class Split:
    """Files and labels of a split, in a fixed order."""

    name: str  # "train" | "val"
    files: tuple[Path, ...]  # natural order of the names, or the order of the csv (office, and mini with a csv)
    labels: np.ndarray | None  # int64 (N,); None if unlabelled
    masks: tuple[Path, ...] | None = None  # one per file, satellite only


@dataclass(frozen=True)
class ImageSet:
    """One of the four sets of the course."""

    name: str  # one of SET_NAMES
    root: Path  # folder
    train: Split
    val: Split | None  # None for mini
    class_names: tuple[str, ...]  # () if unlabelled
    written_labels: tuple[str, ...] = ()  # label of each class in the csv; () if the labels are the ids


@dataclass(frozen=True)
class CourseData:
    """Sets of the course below a root; None for a missing set."""

    root: Path
    is_toy: bool
    classification: ImageSet | None
    mini: ImageSet | None
    office: ImageSet | None
    satellite: ImageSet | None
