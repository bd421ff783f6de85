"""How much the features themselves changed from one epoch to another: what the motion of a map is held against."""

from __future__ import annotations

import numpy as np

from dlcvlib.metrics.neighbours import nearest_others


def neighbourhood_change(previous: np.ndarray, current: np.ndarray, k: int = 10) -> float:
    """Share of the points' k nearest others, by cosine, that were not among their k nearest before, in [0, 1].

    Args:
        previous: (N, D) float, features.
        current: (N, D') float, features of the same points in the same order.
        k: number of neighbours, 1 to N - 1.

    Raises:
        ValueError: another number of points, a value that is not finite, or k out of range.
    """
    if len(previous) != len(current):
        raise ValueError(f"both must hold the same points, got {len(previous)} and {len(current)}")
    before, after = nearest_others(previous, k).numpy(), nearest_others(current, k).numpy()
    return 1 - float((before[:, :, None] == after[:, None, :]).any(axis=2).mean())
