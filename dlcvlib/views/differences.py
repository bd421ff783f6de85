"""Differences between groups of runs, over their seeds, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from dlcvlib.metrics import Difference, difference_of_means, difference_of_shares, mean_of_differences
from dlcvlib.runs import Group, Run, group_of

ACCURACY = "val_accuracy"
"""The measure that is a share of the validation images."""


def difference_over_seeds(first: Group, second: Group) -> Difference:
    """Return the difference of the means: over pairs where both groups have the same seeds, else as Welch's.

    Raises:
        ValueError: a group has fewer than two seeds.
    """
    if not _paired(first, second):
        return difference_of_means(first.values, second.values)
    other = dict(zip(second.seeds, second.values, strict=True))
    return mean_of_differences([value - other[seed] for seed, value in zip(first.seeds, first.values, strict=True)])


def difference_of_accuracies(first: Group, second: Group) -> tuple[Difference, str]:
    """Return the difference of accuracies, and what its interval is taken over, in words.

    It is over seeds; with one seed, or if all seeds agree, over the validation images, as of shares of them. Without
    their number the error is nan.
    """
    reason = "there is one seed"
    if min(len(first.infos), len(second.infos)) > 1:
        difference = difference_over_seeds(first, second)
        if difference.error > 0:  # a classifier fitted to its end is the same for every seed, and yet not known exactly
            return difference, seeds_in_words(first, second)
        reason = "the seeds agree"
    if first.images is None or second.images is None:
        unknown = f"{reason}, and the records name no number of validation images"
        return Difference(first.mean - second.mean, math.nan), unknown
    shares = difference_of_shares(first.mean, first.images, second.mean, second.images)
    return shares, f"over {first.images} validation images, since {reason}"


def seeds_in_words(first: Group, second: Group) -> str:
    """Return the numbers of seeds of two groups: "5 paired seeds", or "3 and 2 seeds"."""
    if _paired(first, second):
        return f"{len(first.seeds)} paired seeds"
    return f"{len(first.seeds)} and {len(second.seeds)} seeds"


def difference_in_words(first: Run | Sequence[Run], second: Run | Sequence[Run], measure: str) -> str:
    """Return how much higher a measure is in some runs than in others, its 95 % interval, and if that is clear.

    Args:
        first: runs of one recipe and profile; of at least two seeds if the measure is no accuracy.
        second: runs of another recipe.
        measure: a share at the best epoch.

    Raises:
        ValueError: too few seeds, or runs that do not belong together.
    """
    groups = [group_of(runs, measure) for runs in (first, second)]
    if measure == ACCURACY:
        return in_words(*difference_of_accuracies(*groups))
    return in_words(difference_over_seeds(*groups), seeds_in_words(*groups))


def in_words(difference: Difference, basis: str) -> str:
    """Return a difference of shares in points, as "+3.2 points (95 % interval −1.0 to +7.4, 3 and 3 seeds): not clear".

    Args:
        difference: with an error, or with nan for one that is not known.
        basis: the values that the interval is taken over, in words.
    """
    if math.isnan(difference.error):
        return f"{points(difference.value)} (no interval: {basis})"
    return f"{points(difference.value)} ({interval_in_words(difference)}, {basis}): {verdict(difference)}"


def interval_in_words(difference: Difference) -> str:
    """Return the 95 % interval of a difference of shares, in points."""
    low, high = difference.interval
    return f"95 % interval {signed(low)} to {signed(high)}"


def verdict(difference: Difference) -> str:
    """Return "clear" or "not clear"."""
    return "clear" if difference.clear else "not clear"


def points(share: float) -> str:
    """Return a difference of shares as "+3.2 points"."""
    return f"{signed(share)} points"


def signed(share: float) -> str:
    """Return a difference of shares in points, with its sign."""
    return f"{100 * share:+.1f}".replace("-", "−")


def of_class(group: Group, name: str) -> Group:
    """Return a group of segmentations with the IoU of a class as its measure."""
    return replace(group, measure=f"iou_{name.lower()}")


def _paired(first: Group, second: Group) -> bool:
    """True if both groups have the same seeds, each once, and several."""
    seeds = set(first.seeds)
    same = seeds == set(second.seeds) and len(seeds) == len(first.seeds) == len(second.seeds)
    return same and len(seeds) > 1 and None not in seeds
