"""What a two-dimensional map of features is worth: are classes apart, are neighbours kept, how far did it move."""

from __future__ import annotations

import numpy as np

# scikit-learn is imported where it is used: it takes a second, which every training would pay for nothing.


def silhouette(points: np.ndarray, labels: np.ndarray) -> float:
    """Mean silhouette of the points, in [-1, 1]: near 1 where classes are tight and far apart, 0 where they overlap.

    For each point (b - a) / max(a, b): a is its mean distance to its own class, b that to the nearest other class.
    A point that is alone in its class counts 0. Source: Rousseeuw 1987.

    Args:
        points: (N, D) float.
        labels: (N,) integer, of at least 2 and at most N - 1 classes.

    Raises:
        ValueError: the shapes do not fit, or there are too few or too many classes.
    """
    points, labels = np.asarray(points), np.asarray(labels)
    _check_rows(points, labels, "labels")
    classes = len(np.unique(labels))
    if not 2 <= classes < len(labels):
        raise ValueError(f"a silhouette needs 2 to {len(labels) - 1} classes among {len(labels)} points, got {classes}")
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(points.astype(np.float64), labels))


def trustworthiness(features: np.ndarray, points: np.ndarray, k: int = 10) -> float:
    """How far neighbours on the map are neighbours in the features too, in [0, 1].

    1 - 2 / (N k (2N - 3k - 1)) times the sum, over each point's k nearest on the map, of by how much their rank among
    its neighbours in feature space exceeds k. A random map has about 0.5. Source: Venna and Kaski 2001.

    Args:
        features: (N, D) float, compared by Euclidean distance.
        points: (N, 2) float, the map.
        k: number of neighbours, at least 1 and below N / 2.

    Raises:
        ValueError: the shapes do not fit, or k is out of range.
    """
    features, points = np.asarray(features), np.asarray(points)
    _check_rows(features, points, "map")
    if not 1 <= k < len(points) / 2:
        raise ValueError(f"k must be at least 1 and below half of the {len(points)} points, got {k}")
    from sklearn.manifold import trustworthiness as share_kept

    return float(share_kept(features.astype(np.float32), points, n_neighbors=k))


def displacement(previous: np.ndarray, current: np.ndarray) -> float:
    """Mean movement of a point between two maps, as a share of the map's radius.

    Place, size and rotation (with mirror image) mean nothing on a map, so they are removed first: both maps are centred
    and brought to radius 1 (root mean square distance from the centre), and `previous` is turned onto `current`
    (orthogonal Procrustes, Schönemann 1966). So maps of separate runs are judged at their best. 0 is no movement; two
    maps that have nothing to do with each other come near 1.2.

    Args:
        previous: (N, 2) float.
        current: (N, 2) float, the same points in the same order.

    Raises:
        ValueError: the shapes differ, or all points of a map lie in one place.
    """
    before, after = centred(previous), centred(current)
    if before.shape != after.shape:
        raise ValueError(f"both maps must hold the same points, got shapes {before.shape} and {after.shape}")
    return float(np.linalg.norm(before @ rotation(before, after) - after, axis=1).mean())


def centred(points: np.ndarray) -> np.ndarray:
    """The map with its mean at 0 and a root mean square distance of 1 from it, as float64 (N, 2).

    Raises:
        ValueError: all points lie in one place, or a coordinate is not finite.
    """
    points = np.asarray(points, dtype=np.float64)
    points = points - points.mean(axis=0)
    radius = np.sqrt((points**2).sum(axis=1).mean())
    if not np.isfinite(radius) or radius == 0:
        raise ValueError(f"the map has radius {radius}: its points all lie in one place, or a coordinate is not finite")
    return points / radius


def rotation(points: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """The rotation or reflection (2, 2), applied as `points @ rotation`, that brings centred points nearest `onto`."""
    left, _, right = np.linalg.svd(points.T @ onto)
    return left @ right


def _check_rows(points: np.ndarray, others: np.ndarray, name: str) -> None:
    if points.ndim != 2 or len(points) != len(others):
        raise ValueError(f"points must be (N, D) with N rows in the {name}, got {points.shape} and {others.shape}")
