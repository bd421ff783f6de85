"""What views read from a run record: needed columns or a clear error, optional entries or a dash."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dlcvlib.runs import Group, Run
from dlcvlib.runs.group import nested

NOTHING = "–"


def history_with(run: Run, columns: tuple[str, ...]) -> pd.DataFrame:
    """The history of `run`, once it is certain that it holds `columns` and at least one epoch.

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
    """The snapshot of `epoch` (None: the last there is) with its epoch, once it is certain that it holds `names`.

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
    """The value that `run.json` holds under nested `keys`; None where there is none."""
    return nested(run.info, *keys)


def title_of(run: Run) -> str:
    """Title of the run's recipe, its name, or the folder where neither is recorded."""
    return entry(run, "recipe", "title") or entry(run, "recipe", "name") or run.path.parent.name


def titles_of(runs: list[Run]) -> list[str]:
    """Titles by which runs are told apart in one figure: with the seed where titles repeat."""
    titles = [title_of(run) for run in runs]
    if len(set(titles)) == len(titles):
        return titles
    return [f"{title}, {run.path.name}" for title, run in zip(titles, runs, strict=True)]


def minutes_of(group: Group) -> str:
    """Return the mean length of a training with one decimal; a dash if none is recorded."""
    return NOTHING if group.minutes is None else f"{group.minutes:.1f}"
