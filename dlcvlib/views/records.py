"""What views read from a run record: needed columns or a clear error, optional entries or a dash."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dlcvlib.runs import Run

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
    value: Any = run.info
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def title_of(run: Run) -> str:
    """Title of the run's recipe, its name, or the folder where neither is recorded."""
    return entry(run, "recipe", "title") or entry(run, "recipe", "name") or run.path.parent.name


def titles_of(runs: list[Run]) -> list[str]:
    """Titles by which runs are told apart in one figure: with the seed where titles repeat."""
    titles = [title_of(run) for run in runs]
    if len(set(titles)) == len(titles):
        return titles
    return [f"{title}, {run.path.name}" for title, run in zip(titles, runs, strict=True)]


def refuse_mixture(runs: list[Run]) -> None:
    """Make certain that `runs`, of one row of a table, differ in their seed only.

    Raises:
        ValueError: there is none, or they are of different recipes or profiles.
    """
    if not runs:
        raise ValueError("a row of the table holds no run: give each row at least one")
    kinds = {(entry(run, "recipe", "name"), entry(run, "profile")) for run in runs}
    if len(kinds) > 1:
        raise ValueError(f"one row of a table must hold one recipe and profile, got {sorted(map(str, kinds))}")


def best_accuracy(run: Run) -> float:
    """Validation accuracy of the best epoch, in [0, 1].

    Raises:
        ValueError: the record names none.
    """
    accuracy = entry(run, "best", "val_accuracy")
    if accuracy is None:
        raise ValueError(f"{run.path / 'run.json'} names no best accuracy: is the training finished (see `dlcv runs`)?")
    return float(accuracy)


def minutes_of(runs: list[Run]) -> str:
    """Mean length of the trainings with one decimal; a dash where none is recorded."""
    minutes = [value for run in runs if (value := entry(run, "timings", "minutes")) is not None]
    return f"{sum(minutes) / len(minutes):.1f}" if minutes else NOTHING
