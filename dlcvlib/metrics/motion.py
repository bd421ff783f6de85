"""Change of the features' neighbourhoods between two epochs, the reference for the motion of a map."""

from __future__ import annotations

import numpy as np

from dlcvlib.metrics.neighbours import nearest_others


def neighbourhood_change(previous: np.ndarray, current: np.ndarray, k: int = 10) -> float:
    """Fraction of the points' k nearest neighbours, by cosine, that were not among the k nearest before, in [0, 1].

    Args:
        previous: (N, D) float features.
        current: (N, D') float features of the same points in the same order.
        k: number of neighbours, 1 to N - 1.

    Raises:
        ValueError: numbers of points differ, a value is not finite, or k is out of range.
    """
    if len(previous) != len(current):
        raise ValueError(f"both must hold the same points, got {len(previous)} and {len(current)}")
    before, after = nearest_others(previous, k).numpy(), nearest_others(current, k).numpy()
    return 1 - float((before[:, :, None] == after[:, None, :]).any(axis=2).mean())
