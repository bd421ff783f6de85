"""What an embedding scrubber shows: maps of one run, or of two at the epochs that both have, read from the records."""

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

MOST = 2  # maps side by side
UNKNOWN = 255  # stands for a prediction that was not kept
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
        epochs: those that every pane has.
        titles: one a pane.
        coordinates: for each pane float32 (E, N, 2).
        predicted: for each pane uint8 (E, N), 255 where no prediction was kept.
        labels, indices: as in `EmbeddingSeries`.
        figures: for each pane `title` and `rows`, as `Scrubber._figures` wants them.
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
    """Embed what is not embedded yet, and bring the panes together.

    Args:
        sources: one or two; a series has no record, so neither losses nor predictions are shown for it.
        method: for the runs among them.

    Raises:
        FileNotFoundError: a record has no snapshot.
        ValueError: no source or too many, another number of samples or other ones, no epoch in common, or whatever
            `embed` finds wrong with a record.
    """
    if not 1 <= len(sources) <= MOST:
        raise ValueError(f"give one run or two to compare, got {len(sources)}")
    for source in sources:
        if isinstance(source, Run) and not source.snapshot_epochs:
            raise FileNotFoundError(
                f"{source.path / 'snapshots'} holds no snapshot, so there is no epoch to show: train this record first"
            )
    every = [embed(source, method) if isinstance(source, Run) else source for source in sources]
    names = [str(source.path) if isinstance(source, Run) else f"the {source.method} series" for source in sources]
    for name, series in zip(names, every, strict=True):
        for what in ("labels", "indices"):
            if not np.array_equal(getattr(series, what), getattr(every[0], what)):
                raise ValueError(
                    f"{names[0]} and {name} do not show the same samples (their {what} differ): only runs on the same "
                    "data and seed of the sample can stand side by side"
                )
    epochs = tuple(sorted(set(every[0].epochs).intersection(*(series.epochs for series in every))))
    if not epochs:
        raise ValueError(f"{' and '.join(names)} have no epoch in common: {[series.epochs for series in every]}")
    titles = _titles(sources)
    return EpochMaps(
        method=every[0].method,
        epochs=epochs,
        titles=tuple(titles),
        coordinates=tuple(series.coordinates[[series.position(epoch) for epoch in epochs]] for series in every),
        predicted=tuple(_predicted(source, epochs, len(every[0].labels)) for source in sources),
        labels=every[0].labels,
        indices=every[0].indices,
        figures=[
            {"title": title, "rows": _rows(source, series, epochs)}
            for title, source, series in zip(titles, sources, every, strict=True)
        ],
    )


def _titles(sources: Sequence[Run | EmbeddingSeries]) -> list[str]:
    runs = iter(titles_of([source for source in sources if isinstance(source, Run)]))
    return [next(runs) if isinstance(source, Run) else f"series {place}" for place, source in enumerate(sources, 1)]


def _predicted(source: Run | EmbeddingSeries, epochs: tuple[int, ...], count: int) -> np.ndarray:
    found = np.full((len(epochs), count), UNKNOWN, dtype=np.uint8)
    if isinstance(source, Run):
        for place, epoch in enumerate(epochs):
            snapshot = source.snapshot(epoch)
            if "predicted" in snapshot:
                found[place] = snapshot["predicted"]
    return found


def _rows(source: Run | EmbeddingSeries, series: EmbeddingSeries, epochs: tuple[int, ...]) -> list[dict[str, Any]]:
    """The figures that are known at one of the epochs at least."""
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
    """A record has no history before its first epoch has ended, though it may have a snapshot already."""
    if isinstance(source, Run) and (source.path / "history.csv").is_file():
        return source.history.drop_duplicates("epoch", keep="last")
    return pd.DataFrame()
