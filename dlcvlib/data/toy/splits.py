"""Splits: which images a toy set of objects holds, what each shows and what it is said to show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WRONG_LABELS = 0.04  # part of the training images that show another class than their label says


@dataclass(frozen=True)
class Planned:
    """One image of a split: its number within the class, the class it shows, the class it is said to show."""

    number: int
    shown: int
    label: int


def plan(
    counts: np.ndarray, generator: np.random.Generator, *, first: np.ndarray | None = None, wrong: float = 0.0
) -> list[Planned]:
    """Plan one split.

    Args:
        counts: (C,) integers, images a class.
        generator: source of the wrong labels.
        first: (C,) integers, number of the first image of each class; zeros if None.
        wrong: part of the images, in [0, 1], that show another class than their label says.

    Returns:
        the images by class and number.
    """
    labels = np.repeat(np.arange(len(counts)), counts)
    numbers = np.concatenate([np.arange(count) for count in counts])
    if first is not None:
        numbers = numbers + first[labels]
    shown = labels.copy()
    swapped = generator.permutation(len(labels))[: round(wrong * len(labels))]
    shown[swapped] = (labels[swapped] + generator.integers(1, len(counts), len(swapped))) % len(counts)
    return [Planned(int(n), int(s), int(label)) for n, s, label in zip(numbers, shown, labels, strict=True)]
