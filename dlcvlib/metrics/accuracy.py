"""Accuracy and confusion matrix of a classifier."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def accuracy(predicted: Tensor | np.ndarray, labels: Tensor | np.ndarray) -> float:
    """Fraction of correct predictions, in [0, 1].

    Args:
        predicted: class ids, integer (N,), or logits, float (N, C).
        labels: true class ids, integer (N,).

    Raises:
        ValueError: shapes do not match, there is no image, or a logit is nan.
    """
    classes, truth = _class_ids(predicted), torch.as_tensor(labels)
    _check_pair(classes, truth)
    return (classes.to(truth.device) == truth).double().mean().item()


def confusion_matrix(predicted: Tensor | np.ndarray, labels: Tensor | np.ndarray, num_classes: int) -> Tensor:
    """Confusion matrix; those of several batches can be added.

    Args:
        predicted: class ids, integer (N,), or logits, float (N, C).
        labels: true class ids, integer (N,).
        num_classes: number of classes C.

    Returns:
        int64 (C, C): entry (t, p) is the number of images of class t predicted as class p.

    Raises:
        ValueError: shapes do not match, there is no image, or an id lies outside 0 … C - 1.
    """
    classes, truth = _class_ids(predicted), torch.as_tensor(labels)
    _check_pair(classes, truth)
    for name, ids in (("predicted", classes), ("labels", truth)):
        if ids.min() < 0 or ids.max() >= num_classes:
            raise ValueError(f"{name} holds class ids {ids.min()} to {ids.max()}, outside 0 to {num_classes - 1}")
    pairs = truth.long() * num_classes + classes.to(truth.device).long()  # one code per (true, predicted)
    return torch.bincount(pairs, minlength=num_classes**2).view(num_classes, num_classes)


def _class_ids(predicted: Tensor | np.ndarray) -> Tensor:
    values = torch.as_tensor(predicted)
    if values.ndim != 2:
        return values
    if values.isnan().any():
        raise ValueError("the logits hold nan: the training has diverged, or the input was not finite")
    return values.argmax(dim=1)


def _check_pair(classes: Tensor, truth: Tensor) -> None:
    for name, ids in (("predicted", classes), ("labels", truth)):
        if ids.ndim != 1 or ids.is_floating_point():
            raise ValueError(f"{name} must be integer class ids of shape (N,), got {ids.dtype} of {tuple(ids.shape)}")
    if len(classes) != len(truth):
        raise ValueError(f"{len(classes)} predictions do not match {len(truth)} labels")
    if len(truth) == 0:
        raise ValueError("there is no image: predictions and labels are empty")
