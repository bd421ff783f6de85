"""Metrics of a two-dimensional map of features: silhouette, trustworthiness, displacement."""

from __future__ import annotations

import numpy as np

# scikit-learn is imported in the functions: its import takes a second, and training does not need it.


def silhouette(points: np.ndarray, labels: np.ndarray) -> float:
    """Mean silhouette of the points, in [-1, 1]: near 1 for compact, separated classes, 0 for overlapping ones.

    For each point (b - a) / max(a, b), with a its mean distance to its own class and b that to the nearest other class;
    0 for the only point of a class. Source: Rousseeuw 1987.

    Args:
        points: (N, D) float.
        labels: (N,) integer, 2 to N - 1 classes.

    Raises:
        ValueError: shapes do not match, or there are too few or too many classes.
    """
    points, labels = np.asarray(points), np.asarray(labels)
    _check_rows(points, labels, "labels")
    classes = len(np.unique(labels))
    if not 2 <= classes < len(labels):
        raise ValueError(f"a silhouette needs 2 to {len(labels) - 1} classes among {len(labels)} points, got {classes}")
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(points.astype(np.float64), labels))


def trustworthiness(features: np.ndarray, points: np.ndarray, k: int = 10) -> float:
    """Trustworthiness of a map: agreement of its neighbourhoods with those of the features, in [0, 1].

    1 - 2 / (N k (2N - 3k - 1)) times the sum, over each point's k nearest on the map, of by how much their rank among
    its neighbours in feature space exceeds k. A random map has about 0.5. Source: Venna and Kaski 2001.

    Args:
        features: (N, D) float, compared by Euclidean distance.
        points: (N, 2) float, the map.
        k: number of neighbours, at least 1 and below N / 2.

    Raises:
        ValueError: shapes do not match, or k is out of range.
    """
    features, points = np.asarray(features), np.asarray(points)
    _check_rows(features, points, "map")
    if not 1 <= k < len(points) / 2:
        raise ValueError(f"k must be at least 1 and below half of the {len(points)} points, got {k}")
    from sklearn.manifold import trustworthiness as share_kept

    return float(share_kept(features.astype(np.float32), points, n_neighbors=k))


def displacement(previous: np.ndarray, current: np.ndarray) -> float:
    """Mean movement of a point between two maps, as a fraction of the map's radius.

    Position, size, rotation and reflection of a map are arbitrary, so the maps are first centred, scaled to radius 1
    (root mean square distance from the centre) and aligned by an orthogonal Procrustes rotation (Schönemann 1966).
    Unrelated maps have a displacement near 1.2.

    Args:
        previous: (N, 2) float.
        current: (N, 2) float, the same points in the same order.

    Raises:
        ValueError: the shapes differ, or all points of a map coincide.
    """
    before, after = centred(previous), centred(current)
    if before.shape != after.shape:
        raise ValueError(f"both maps must hold the same points, got shapes {before.shape} and {after.shape}")
    return float(np.linalg.norm(before @ rotation(before, after) - after, axis=1).mean())


def centred(points: np.ndarray) -> np.ndarray:
    """Return the map with mean 0 and root mean square radius 1, float64 (N, 2).

    Raises:
        ValueError: all points coincide, or a coordinate is not finite.
    """
    points = np.asarray(points, dtype=np.float64)
    points = points - points.mean(axis=0)
    radius = np.sqrt((points**2).sum(axis=1).mean())
    if not np.isfinite(radius) or radius == 0:
        raise ValueError(f"the map has radius {radius}: all its points coincide, or a coordinate is not finite")
    return points / radius


def rotation(points: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Return the rotation or reflection (2, 2), applied as `points @ rotation`, that best aligns centred points."""
    left, _, right = np.linalg.svd(points.T @ onto)
    return left @ right


def _check_rows(points: np.ndarray, others: np.ndarray, name: str) -> None:
    if points.ndim != 2 or len(points) != len(others):
        raise ValueError(f"points must be (N, D) with N rows in the {name}, got {points.shape} and {others.shape}")
