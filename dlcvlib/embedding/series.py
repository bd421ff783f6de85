"""A series of maps, one an epoch, with measures of their quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from dlcvlib.metrics import displacement, knn_accuracy, neighbourhood_change, silhouette, trustworthiness

Method = Literal["tsne", "umap", "pca", "separate"]
FEWEST_STEPS = 3  # fewer have no meaningful rank correlation
NEIGHBOURS = 10  # of kNN accuracy and trustworthiness


@dataclass(frozen=True)
class EmbeddingSeries:
    """Maps of the same points at successive epochs.

    Attributes:
        method: "tsne", "umap", "pca", or "separate" for t-SNE maps that were not chained.
        epochs: the E epochs, ascending; 0 is the network before training.
        coordinates: float32 (E, N, 2); every map is centred and has radius 1 (root mean square distance from 0).
        labels: int64 (N,), the true classes.
        indices: int64 (N,), index of each point's image in the split.
        quality: one row an epoch, columns `epoch`; `knn_map` and `knn_features`, the leave-one-out 10-NN accuracy on
            the map (Euclidean) and in the features (cosine), in [0, 1]; `silhouette` of the map, in [-1, 1];
            `trustworthiness` in [0, 1]; `displacement`, mean distance from the map before as a share of the radius;
            `change`, share of neighbours in the features that are new since then (both nan in the first row).
    """

    method: str
    epochs: tuple[int, ...]
    coordinates: np.ndarray
    labels: np.ndarray
    indices: np.ndarray
    quality: pd.DataFrame

    def position(self, epoch: int) -> int:
        """Index of `epoch` along the first axis of `coordinates`.

        Raises:
            ValueError: the series holds no map of this epoch.
        """
        if epoch not in self.epochs:
            raise ValueError(f"there is no map of epoch {epoch}; this series holds the epochs {list(self.epochs)}")
        return self.epochs.index(epoch)

    @property
    def motion_follows_change(self) -> float:
        """Spearman's rank correlation of `displacement` with `change` over the steps from map to map, in [-1, 1].

        Near 1 the points move because the features change, near 0 at random. nan with fewer than 3 steps, or if all
        steps are equal.
        """
        steps = self.quality[["displacement", "change"]].dropna()
        if len(steps) < FEWEST_STEPS or (steps.nunique() == 1).any():
            return float("nan")
        return float(np.corrcoef(steps.rank().to_numpy().T)[0, 1])

    def first_middle_last(self) -> tuple[int, ...]:
        """First, middle and last epoch after epoch 0; fewer if the series holds fewer."""
        trained = [epoch for epoch in self.epochs if epoch > 0] or list(self.epochs)
        return tuple(sorted({trained[0], trained[len(trained) // 2], trained[-1]}))


def measured(
    coordinates: np.ndarray, features: Sequence[np.ndarray], labels: np.ndarray, epochs: Sequence[int]
) -> pd.DataFrame:
    """Measure every map; the columns are those of `EmbeddingSeries.quality`.

    The number of neighbours is 10, or fewer with fewer than 21 points. The silhouette is nan where it is undefined:
    with a single class, or with every point in its own class.

    Args:
        coordinates: float (E, N, 2).
        features: for each epoch (N, D) float.
        labels: integer (N,).
        epochs: the E epochs.

    Raises:
        ValueError: the numbers of maps, features and epochs differ.
    """
    if not len(coordinates) == len(features) == len(epochs):
        raise ValueError(f"{len(coordinates)} maps, {len(features)} features and {len(epochs)} epochs do not fit")
    neighbours = min(NEIGHBOURS, (len(labels) - 1) // 2)
    has_silhouette = 2 <= len(np.unique(labels)) < len(labels)
    rows = []
    for position, (points, values, epoch) in enumerate(zip(coordinates, features, epochs, strict=True)):
        rows.append(
            {
                "epoch": epoch,
                "knn_map": knn_accuracy(points, labels, neighbours, "euclidean"),
                "knn_features": knn_accuracy(values, labels, neighbours, "cosine"),
                "silhouette": silhouette(points, labels) if has_silhouette else np.nan,
                "trustworthiness": trustworthiness(values, points, neighbours),
                "displacement": displacement(coordinates[position - 1], points) if position else np.nan,
                "change": neighbourhood_change(features[position - 1], values, neighbours) if position else np.nan,
            }
        )
    return pd.DataFrame(rows)
