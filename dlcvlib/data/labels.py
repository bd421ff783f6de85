"""Labels in csv files and file names, and the classes that they name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CLASS_LIMITS = {"classification": 50, "office": 65}  # of the course; a classes.txt beside the csv files overrides them
MINI_CLASSES = 64
SHOWN = 40
"""Maximum number of characters of a label or a name in a message."""


@dataclass(frozen=True)
class Labelled:
    """An image and its label."""

    path: Path
    label: str  # text in the csv or the file name
    source: str = ""  # "train.csv, line 7"; "" if the label is in the name of the image


def classes_of(set_name: str, train_labels: Sequence[str]) -> tuple[str, ...]:
    """Return the class names in the labels of a training split, in the order of their ids.

    If the labels are mostly integers, the classes are 0 to the largest label in range; otherwise the sorted labels. The
    range is the course's number of classes; a custom Mini-ImageNet may have more, up to its number of distinct labels,
    so that a mistyped 999,999,999 does not create as many classes.
    """
    if not numbered(train_labels):
        return tuple(sorted(set(train_labels) - {"", "None"}))
    names = {label for label in train_labels if re.fullmatch("[0-9]{1,9}", label)}
    limit = CLASS_LIMITS.get(set_name, max(MINI_CLASSES, len(names)))
    within = [number for number in map(int, names) if number < limit]
    return tuple(str(number) for number in range(max(within, default=-1) + 1))


def numbered(train_labels: Sequence[str]) -> bool:
    """Return True if at least half of the labels are integers; False if there are no labels."""
    integers = sum(re.fullmatch("-?[0-9]+", label) is not None for label in train_labels)
    return bool(train_labels) and 2 * integers >= len(train_labels)


def range_in_words(class_names: Sequence[str]) -> str:
    """Return the range of valid labels for a message."""
    if not class_names:
        return "the training split names no class"
    if class_names[0] == "0":
        return f"the labels of this set are 0 to {len(class_names) - 1}"
    return f"the labels of this set are {class_names[0]!r} to {class_names[-1]!r} (0 to {len(class_names) - 1})"


def shortened(text: str) -> str:
    """Return `text` in quotes, cut after `SHOWN` characters."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
