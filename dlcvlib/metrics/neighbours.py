"""kNN accuracy and purity of neighbourhoods."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

CHUNK = 1024  # rows of the distance matrix held at a time


def knn_accuracy(
    points: Tensor | np.ndarray,
    labels: Tensor | np.ndarray,
    k: int = 10,
    metric: Literal["cosine", "euclidean"] = "cosine",
) -> float:
    """Leave-one-out accuracy of a k-nearest-neighbour vote, in [0, 1].

    The predicted class is the most frequent among the k nearest other points. Ties go to the class of the nearest
    neighbour among the tied. Chance level for C balanced classes: 1 / C.

    Args:
        points: (N, D) float: features, or a map with D = 2.
        labels: (N,) integer, not negative.
        k: number of neighbours, 1 to N - 1.
        metric: "cosine" for features of a network; "euclidean" for maps.

    Raises:
        ValueError: shapes do not match, a value is not finite, k is out of range, or the metric is unknown.
    """
    values = torch.as_tensor(points).float()
    truth = torch.as_tensor(labels).to(values.device).long()
    _check(values, truth, k, metric)
    # The neighbour of rank r = 1, 2, … has a vote of 1 + 2^-r: the second terms sum to less than 1, and each exceeds
    # the sum of those after it, so that they only decide ties.
    votes = 1 + 0.5 ** torch.arange(1, k + 1, dtype=torch.float64, device=values.device)
    num_classes = int(truth.max()) + 1
    right = 0
    for neighbours, rows in _nearest(values, k, metric):
        ballots = torch.zeros(len(rows), num_classes, dtype=torch.float64, device=values.device)
        ballots.scatter_add_(1, truth[neighbours], votes.expand(len(rows), k))
        right += int((ballots.argmax(dim=1) == truth[rows]).sum())
    return right / len(values)


def weighted_knn_accuracy(
    bank: Tensor,
    bank_labels: Tensor,
    queries: Tensor,
    query_labels: Tensor,
    k: int = 20,
    temperature: float = 0.07,
) -> float:
    """Accuracy of a kNN vote in a bank of labelled features, with weights exp(cos / T).

    Source: Wu et al. 2018, Unsupervised feature learning via non-parametric instance discrimination, section 3.4; the
    defaults are those of DINO's evaluation.

    Args:
        bank: (M, D) float, labelled features.
        bank_labels: (M,) integer, not negative.
        queries: (N, D) float.
        query_labels: (N,) integer.
        k: number of neighbours, at most M.
        temperature: temperature T.

    Raises:
        ValueError: a feature is not finite.
    """
    if not (bank.isfinite().all() and queries.isfinite().all()):
        raise ValueError("the features hold nan or infinity: look at the run's history for the epoch it diverged in")
    bank, queries = functional.normalize(bank.float(), dim=1), functional.normalize(queries.float(), dim=1)
    num_classes = int(bank_labels.max()) + 1
    right = 0
    for rows in torch.arange(len(queries), device=queries.device).split(CHUNK):
        cosine, nearest = (queries[rows] @ bank.T).topk(min(k, len(bank)), dim=1)
        votes = torch.zeros(len(rows), num_classes, device=queries.device)
        votes.scatter_add_(1, bank_labels[nearest], (cosine / temperature).exp())
        right += int((votes.argmax(1) == query_labels[rows]).sum())
    return right / len(queries)


def nearest_others(points: Tensor | np.ndarray, k: int) -> Tensor:
    """Return the k other points of largest cosine to each point, nearest first: (N, k) int64 indices.

    Args:
        points: (N, D) float.
        k: number of neighbours, 1 to N - 1.

    Raises:
        ValueError: shapes do not match, a value is not finite, or k is out of range.
    """
    values = torch.as_tensor(points).float()
    _check(values, torch.zeros(values.shape[:1], dtype=torch.long), k, "cosine")
    return torch.cat([neighbours for neighbours, _ in _nearest(values, k, "cosine")])


def neighbour_purity(neighbours: Tensor, labels: Tensor | np.ndarray) -> float:
    """Fraction of neighbours of the same class as their point, in [0, 1].

    Args:
        neighbours: (N, k) integer, from `nearest_others`.
        labels: (N,) integer.
    """
    truth = torch.as_tensor(labels).to(neighbours.device)
    return (truth[neighbours] == truth[:, None]).double().mean().item()


def chance_purity(labels: Tensor | np.ndarray) -> float:
    """Expected `neighbour_purity` of random neighbours.

    Args:
        labels: (N,) integer, N at least 2.

    Raises:
        ValueError: fewer than 2 points.
    """
    counts = torch.as_tensor(labels).unique(return_counts=True)[1].double()
    total = counts.sum().item()
    if total < 2:
        raise ValueError(f"neighbours need at least 2 points, got {total:.0f}")
    return (counts * (counts - 1)).sum().item() / (total * (total - 1))


def _nearest(values: Tensor, k: int, metric: str) -> list[tuple[Tensor, Tensor]]:
    """Return the k nearest other points, nearest first, per chunk of R rows: (neighbours (R, k), rows (R,))."""
    if metric == "cosine":
        values = functional.normalize(values, dim=1)  # then 1 - dot product is the cosine distance
    found = []
    for rows in torch.arange(len(values), device=values.device).split(CHUNK):
        if metric == "cosine":
            distance = 1 - values[rows] @ values.T
        else:
            distance = torch.cdist(values[rows], values, compute_mode="donot_use_mm_for_euclid_dist")
        distance[torch.arange(len(rows), device=values.device), rows] = torch.inf  # leave one out
        found.append((distance.topk(k, dim=1, largest=False).indices, rows))
    return found


def _check(values: Tensor, truth: Tensor, k: int, metric: str) -> None:
    if values.ndim != 2 or truth.shape != values.shape[:1]:
        raise ValueError(f"points must be (N, D) and labels (N,), got {tuple(values.shape)} and {tuple(truth.shape)}")
    if not 1 <= k < len(values):
        raise ValueError(f"k must lie between 1 and {len(values) - 1} for {len(values)} points, got {k}")
    if metric not in ("cosine", "euclidean"):
        raise ValueError(f"metric must be 'cosine' or 'euclidean', got {metric!r}")
    if not values.isfinite().all():
        raise ValueError("the points hold nan or infinity: look at the run's history for the epoch it diverged in")
    if truth.min() < 0:
        raise ValueError(f"labels must not be negative, got {truth.min()}")
