"""Splits: the images of a toy set of objects, with the true class and the label of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WRONG_LABELS = 0.02  # share of wrong labels in the training split


@dataclass(frozen=True)
class Planned:
    """An image of a split: its number within the class, its true class, its label."""

    number: int
    shown: int
    label: int


def plan(
    counts: np.ndarray, generator: np.random.Generator, *, first: np.ndarray | None = None, wrong: float = 0.0
) -> list[Planned]:
    """Plan one split.

    Args:
        counts: (C,) integers, images per class.
        generator: source of the wrong labels.
        first: (C,) integers, number of the first image of each class; zeros if None.
        wrong: share of wrong labels, in [0, 1].

    Returns:
        the images, sorted by label and number.
    """
    labels = np.repeat(np.arange(len(counts)), counts)
    numbers = np.concatenate([np.arange(count) for count in counts])
    if first is not None:
        numbers = numbers + first[labels]
    shown = labels.copy()
    swapped = generator.permutation(len(labels))[: round(wrong * len(labels))]
    shown[swapped] = (labels[swapped] + generator.integers(1, len(counts), len(swapped))) % len(counts)
    return [Planned(int(n), int(s), int(label)) for n, s, label in zip(numbers, shown, labels, strict=True)]
