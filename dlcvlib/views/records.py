"""Reading run records for views: required columns raise a clear error, optional entries give a dash."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dlcvlib.runs import Run

NOTHING = "–"


def history_with(run: Run, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return the history of `run`, checked for `columns` and at least one epoch.

    Raises:
        ValueError: a column is missing, or there is no epoch.
    """
    history = run.history
    missing = [column for column in columns if column not in history.columns]
    if missing:
        raise ValueError(
            f"{run.path / 'history.csv'} has no column {', '.join(missing)}; it has {list(history.columns)}"
        )
    if history.empty:
        raise ValueError(f"{run.path / 'history.csv'} holds no epoch yet: train further, then look again")
    return history


def snapshot_with(run: Run, epoch: int | None, names: tuple[str, ...]) -> tuple[int, dict[str, np.ndarray]]:
    """Return the epoch and the snapshot of `epoch` (None: the last one), checked for the arrays `names`.

    Raises:
        FileNotFoundError: there is no such snapshot.
        ValueError: an array is missing from it.
    """
    if epoch is None:
        if not run.snapshot_epochs:
            raise FileNotFoundError(f"{run.path / 'snapshots'} holds no snapshot yet: train further, then look again")
        epoch = run.snapshot_epochs[-1]
    snapshot = run.snapshot(epoch)
    missing = [name for name in names if name not in snapshot]
    if missing:
        raise ValueError(f"{run.path}: the snapshot of epoch {epoch} holds no {', '.join(missing)}")
    return epoch, snapshot


def entry(run: Run, *keys: str) -> Any:
    """Return the value under nested `keys` of `run.json`, or None if there is none."""
    value: Any = run.info
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def title_of(run: Run) -> str:
    """Title of the run's recipe, else its name, else the folder's name."""
    return entry(run, "recipe", "title") or entry(run, "recipe", "name") or run.path.parent.name


def titles_of(runs: list[Run]) -> list[str]:
    """Titles that distinguish runs in one figure: with the seed where titles repeat."""
    titles = [title_of(run) for run in runs]
    if len(set(titles)) == len(titles):
        return titles
    return [f"{title}, {run.path.name}" for title, run in zip(titles, runs, strict=True)]


def named_runs(runs: Run | Sequence[Run], labels: Sequence[str], most: int) -> tuple[list[Run], list[str]]:
    """Return the runs of a figure as a list, and a name for each: `labels`, or by default `titles_of`.

    Raises:
        ValueError: no run, more than `most`, or another number of labels.
    """
    chosen = [runs] if isinstance(runs, Run) else list(runs)
    if not 1 <= len(chosen) <= most:
        raise ValueError(f"one figure fits 1 to {most} runs, got {len(chosen)}")
    names = list(labels) or titles_of(chosen)
    if len(names) != len(chosen):
        raise ValueError(f"{len(names)} labels do not fit {len(chosen)} runs")
    return chosen, names


def refuse_mixture(runs: list[Run]) -> None:
    """Check that the runs of one row of a table differ in their seed only.

    Raises:
        ValueError: no run, or runs of different recipes or profiles.
    """
    if not runs:
        raise ValueError("a row of the table holds no run: give each row at least one")
    kinds = {(entry(run, "recipe", "name"), entry(run, "profile")) for run in runs}
    if len(kinds) > 1:
        raise ValueError(f"one row of a table must hold one recipe and profile, got {sorted(map(str, kinds))}")


def best_value(run: Run, measure: str) -> float:
    """Return `val_accuracy` or `mean_iou` of the best epoch, in [0, 1].

    Raises:
        ValueError: the record has no such value.
    """
    value = entry(run, "best", measure)
    if value is None:
        raise ValueError(
            f"{run.path / 'run.json'} names no best {measure}: is the training finished (see `dlcv runs`)?"
        )
    return float(value)


def std_of(values: Sequence[float]) -> float:
    """Standard deviation over seeds; nan for a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def minutes_of(runs: list[Run]) -> str:
    """Mean duration of the runs in minutes with one decimal; a dash if none is recorded."""
    minutes = [value for run in runs if (value := entry(run, "timings", "minutes")) is not None]
    return f"{sum(minutes) / len(minutes):.1f}" if minutes else NOTHING
