"""Reading run records for views: required columns raise a clear error, optional entries give a dash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dlcvlib.runs import Run
from dlcvlib.runs.group import nested

NOTHING = "–"
REDUCED = " “reduced”: a stand-in for the reported network, whose value cannot be compared with the report's."


def history_with(run: Run, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return the evaluated epochs of `run`: those with a value in each of `columns`, of which there is at least one.

    Raises:
        ValueError: a column is missing, or there is no epoch.
    """
    history = run.history
    missing = [column for column in columns if column not in history.columns]
    if missing:
        raise ValueError(
            f"{run.path / 'history.csv'} has no column {', '.join(missing)}; it has {list(history.columns)}"
        )
    history = history.dropna(subset=list(columns), ignore_index=True)
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
    return nested(run.info, *keys)


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
