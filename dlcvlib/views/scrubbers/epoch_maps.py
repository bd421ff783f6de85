"""Data of an embedding scrubber: maps of one run, or of two at their common epochs, read from the records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dlcvlib.embedding import EmbeddingSeries, embed
from dlcvlib.embedding.series import Method
from dlcvlib.runs import Run
from dlcvlib.views.records import titles_of

MOST = 2  # panes side by side
UNKNOWN = 255  # the snapshot holds no prediction
IN_HISTORY = {
    "loss": "loss",
    "train_loss": "training loss",
    "val_loss": "validation loss",
    "train_accuracy": "training accuracy",
    "val_accuracy": "validation accuracy",
    "knn": "kNN of the monitor",
}
IN_QUALITY = {
    "knn_features": "kNN of features",
    "knn_map": "kNN of map",
    "silhouette": "silhouette",
    "trustworthiness": "trustworthiness",
    "displacement": "movement on the map",
    "change": "change of neighbours",
}


@dataclass(frozen=True)
class EpochMaps:
    """Maps of the same N samples at the same E epochs, in one or two panes.

    Attributes:
        method: as in `EmbeddingSeries`.
        epochs: the common epochs of all panes.
        titles: title of each pane.
        coordinates: for each pane float32 (E, N, 2).
        predicted: for each pane uint8 (E, N), 255 without a prediction.
        labels, indices: as in `EmbeddingSeries`.
        figures: for each pane `title` and `rows`, as in `Scrubber._figures`.
    """

    method: str
    epochs: tuple[int, ...]
    titles: tuple[str, ...]
    coordinates: tuple[np.ndarray, ...]
    predicted: tuple[np.ndarray, ...]
    labels: np.ndarray
    indices: np.ndarray
    figures: list[dict[str, Any]]


def read(sources: Sequence[Run | EmbeddingSeries], method: Method) -> EpochMaps:
    """Embed the runs among `sources` and select the common epochs.

    Args:
        sources: one or two; losses and predictions are shown for runs only.
        method: method for the runs.

    Raises:
        FileNotFoundError: a record has no snapshot.
        ValueError: no source or too many, different samples, no common epoch, or an error of `embed`.
    """
    if not 1 <= len(sources) <= MOST:
        raise ValueError(f"give one run or two to compare, got {len(sources)}")
    for source in sources:
        if isinstance(source, Run) and not source.snapshot_epochs:
            raise FileNotFoundError(
                f"{source.path / 'snapshots'} holds no snapshot, so there is no epoch to show: train this record first"
            )
    all_series = [embed(source, method) if isinstance(source, Run) else source for source in sources]
    names = [str(source.path) if isinstance(source, Run) else f"the {source.method} series" for source in sources]
    for name, series in zip(names, all_series, strict=True):
        for what in ("labels", "indices"):
            if not np.array_equal(getattr(series, what), getattr(all_series[0], what)):
                raise ValueError(
                    f"{names[0]} and {name} do not show the same samples (their {what} differ): only runs on the same "
                    "data and seed of the sample can stand side by side"
                )
    epochs = tuple(sorted(set(all_series[0].epochs).intersection(*(series.epochs for series in all_series))))
    if not epochs:
        raise ValueError(f"{' and '.join(names)} have no epoch in common: {[series.epochs for series in all_series]}")
    titles = _titles(sources)
    return EpochMaps(
        method=all_series[0].method,
        epochs=epochs,
        titles=tuple(titles),
        coordinates=tuple(series.coordinates[[series.position(epoch) for epoch in epochs]] for series in all_series),
        predicted=tuple(_predicted(source, epochs, len(all_series[0].labels)) for source in sources),
        labels=all_series[0].labels,
        indices=all_series[0].indices,
        figures=[
            {"title": title, "rows": _rows(source, series, epochs)}
            for title, source, series in zip(titles, sources, all_series, strict=True)
        ],
    )


def _titles(sources: Sequence[Run | EmbeddingSeries]) -> list[str]:
    runs = iter(titles_of([source for source in sources if isinstance(source, Run)]))
    return [next(runs) if isinstance(source, Run) else f"series {number}" for number, source in enumerate(sources, 1)]


def _predicted(source: Run | EmbeddingSeries, epochs: tuple[int, ...], count: int) -> np.ndarray:
    predicted = np.full((len(epochs), count), UNKNOWN, dtype=np.uint8)
    if isinstance(source, Run):
        for number, epoch in enumerate(epochs):
            snapshot = source.snapshot(epoch)
            if "predicted" in snapshot:
                predicted[number] = snapshot["predicted"]
    return predicted


def _rows(source: Run | EmbeddingSeries, series: EmbeddingSeries, epochs: tuple[int, ...]) -> list[dict[str, Any]]:
    """Rows of the measures that have a value at one of the epochs at least."""
    tables = [(_history(source), IN_HISTORY), (series.quality, IN_QUALITY)]
    rows = []
    for table, wanted in tables:
        values = table.set_index("epoch").reindex(list(epochs)) if "epoch" in table else pd.DataFrame()
        for column, name in wanted.items():
            if column in values and values[column].notna().any():
                shown = [round(float(value), 4) if np.isfinite(value) else None for value in values[column]]
                rows.append({"name": name, "values": shown})
    return rows


def _history(source: Run | EmbeddingSeries) -> pd.DataFrame:
    """History of a run; empty for a series, and before the first epoch has ended."""
    if isinstance(source, Run) and (source.path / "history.csv").is_file():
        return source.history.drop_duplicates("epoch", keep="last")
    return pd.DataFrame()
