"""Runs of different lengths, compared at the last epoch that all of them have."""

from __future__ import annotations

from collections.abc import Sequence

from dlcvlib.runs import Run
from dlcvlib.views.records import history_with


def at_equal_epochs(runs: Sequence[Run], columns: tuple[str, ...] = ("train_loss",)) -> list[dict[str, float]]:
    """Return the row of each history at the last epoch that all runs have evaluated.

    Args:
        runs: at least one.
        columns: columns that must have a value.

    Raises:
        ValueError: a column is missing, or no epoch is common to all.
    """
    histories = [history_with(run, ("epoch", *columns)).set_index("epoch", drop=False) for run in runs]
    common = set.intersection(*(set(history.index) for history in histories))
    if not common:
        raise ValueError(f"{', '.join(str(run.path) for run in runs)} have no evaluated epoch in common")
    return [history.loc[max(common)].to_dict() for history in histories]
