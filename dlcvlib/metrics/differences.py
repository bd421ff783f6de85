"""Differences of accuracies and of means over seeds, with standard errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CLEAR = 2.0
"""Standard errors beyond which a difference counts as significant: about 95 % of a normal distribution."""


@dataclass(frozen=True)
class Difference:
    """A difference and its standard error."""

    value: float
    error: float

    @property
    def clear(self) -> bool:
        """True if the difference exceeds two standard errors."""
        return abs(self.value) > CLEAR * self.error


def share_error(share: float, count: int) -> float:
    """Standard error of a proportion p of N images, sqrt(p (1 - p) / N).

    Args:
        share: proportion p in [0, 1].
        count: number of images N, at least 1.

    Raises:
        ValueError: a value is out of range.
    """
    if not 0 <= share <= 1 or count < 1:
        raise ValueError(f"share must lie in [0, 1] and count be at least 1, got {share} of {count} images")
    return math.sqrt(share * (1 - share) / count)


def difference_of_means(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Mean of `first` minus mean of `second`, with the standard error sqrt(s1² / n1 + s2² / n2).

    The variances s² are sample variances (ddof = 1). Source: Welch 1947.

    Args:
        first: values of at least 2 seeds.
        second: values of at least 2 seeds.

    Raises:
        ValueError: fewer than 2 values on a side.
    """
    if len(first) < 2 or len(second) < 2:
        raise ValueError(
            f"an error over seeds needs at least 2 values on each side, got {len(first)} and {len(second)}: "
            "train further seeds, or use difference_of_shares"
        )
    error = math.sqrt(np.var(first, ddof=1) / len(first) + np.var(second, ddof=1) / len(second))
    return Difference(float(np.mean(first) - np.mean(second)), error)


def difference_of_shares(first: float, first_count: int, second: float, second_count: int) -> Difference:
    """`first` minus `second`, with the standard error of two independent proportions.

    For two networks on the same images the error is overestimated, as their mistakes are correlated.

    Args:
        first: proportion in [0, 1] of `first_count` images.
        first_count: at least 1.
        second: proportion in [0, 1] of `second_count` images.
        second_count: at least 1.

    Raises:
        ValueError: a value is out of range.
    """
    return Difference(first - second, math.hypot(share_error(first, first_count), share_error(second, second_count)))
