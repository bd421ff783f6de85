"""Labels as they are written, in csv files and file names, and the classes that they mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CLASS_LIMITS = {"classification": 50, "office": 65}  # of the course; a classes.txt beside the csv files says otherwise
MINI_CLASSES = 64
SHOWN = 40
"""Characters of a label or a name that a message shows."""


@dataclass(frozen=True)
class Labelled:
    """An image and its label."""

    path: Path
    label: str  # as it is written
    source: str = ""  # "train.csv, line 7"; "" where the name of the image says the label


def classes_of(set_name: str, train_labels: Sequence[str]) -> tuple[str, ...]:
    """Return the classes that the labels of a training split name, in the order of their ids.

    Labels that are mostly integers name the classes 0 to the largest of them that is in range; others name themselves,
    sorted. In range are the course's classes; a Mini-ImageNet of the reader's own may have more, as many as it has
    distinct labels: one label of 999,999,999 is a slip of the pen, not as many classes.
    """
    if not numbered(train_labels):
        return tuple(sorted(set(train_labels) - {"", "None"}))
    names = {label for label in train_labels if re.fullmatch("[0-9]{1,9}", label)}
    limit = CLASS_LIMITS.get(set_name, max(MINI_CLASSES, len(names)))
    within = [number for number in map(int, names) if number < limit]
    return tuple(str(number) for number in range(max(within, default=-1) + 1))


def numbered(train_labels: Sequence[str]) -> bool:
    """Whether at least half of the labels are integers; False where there is none."""
    integers = sum(re.fullmatch("-?[0-9]+", label) is not None for label in train_labels)
    return bool(train_labels) and 2 * integers >= len(train_labels)


def range_in_words(class_names: Sequence[str]) -> str:
    """Say which labels a set may have."""
    if not class_names:
        return "the training split names no class"
    if class_names[0] == "0":
        return f"the labels of this set are 0 to {len(class_names) - 1}"
    return f"the labels of this set are {class_names[0]!r} to {class_names[-1]!r} (0 to {len(class_names) - 1})"


def shortened(written: str) -> str:
    """Quote what a file says, cut where it is long."""
    return repr(written if len(written) <= SHOWN else f"{written[:SHOWN]}…")
