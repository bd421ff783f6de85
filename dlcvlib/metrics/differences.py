"""Differences of accuracies and of means over seeds, with intervals of 95 %."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """A difference, its standard error, and the degrees of freedom of Student's t that it was estimated with."""

    value: float
    error: float
    """nan if it is not known."""
    freedom: float = math.inf
    """inf for a normal distribution."""

    @property
    def half_width(self) -> float:
        """Half the 95 % interval; nan if the error is not known."""
        from scipy import stats  # a second to import, and only the interval needs it

        return float(self.error * stats.t.ppf(0.5 + CONFIDENCE / 2, self.freedom))

    @property
    def interval(self) -> tuple[float, float]:
        """Ends of the 95 % interval."""
        return self.value - self.half_width, self.value + self.half_width

    @property
    def clear(self) -> bool:
        """True if the 95 % interval excludes 0."""
        return abs(self.value) > self.half_width


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


def mean_of_differences(differences: Sequence[float]) -> Difference:
    """Mean of paired differences, with the error s / sqrt(n) and n - 1 degrees of freedom (Student 1908).

    Args:
        differences: one for each of at least 2 pairs.

    Raises:
        ValueError: fewer than 2 pairs.
    """
    count = len(differences)
    if count < 2:
        raise ValueError(f"an error over pairs needs at least 2 of them, got {count}: train further seeds")
    return Difference(float(np.mean(differences)), float(np.std(differences, ddof=1)) / math.sqrt(count), count - 1)


def difference_of_means(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Mean of `first` minus mean of `second`, independent of each other, with the error sqrt(s1² / n1 + s2² / n2).

    The variances s² are sample variances (ddof = 1) and need not be equal; the degrees of freedom are those of Welch
    and Satterthwaite. Source: Welch 1947.

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
    parts = [(float(np.var(side, ddof=1)) / len(side), len(side) - 1) for side in (first, second)]
    variance = sum(part for part, _ in parts)
    value = float(np.mean(first) - np.mean(second))
    if variance == 0:
        return Difference(value, 0.0, sum(freedom for _, freedom in parts))
    return Difference(value, math.sqrt(variance), variance**2 / sum(part**2 / freedom for part, freedom in parts))


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
