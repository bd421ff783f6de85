"""Decoded images of one training, and the choice of which images are trained on and held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlcvlib import data
from dlcvlib.data import CourseData, Decoded, ImageSet
from dlcvlib.recipes import Recipe
from dlcvlib.training.feed import resident

HELD_OUT = 10
"""A set without validation images (Mini-ImageNet): one image in `HELD_OUT` of each class is held out of training."""


@dataclass(frozen=True, kw_only=True)
class Images:
    """Images of one training; a subclass adds the tensors."""

    course: CourseData
    """Data that the images are from: the toy world where it stands in for a set that was not found."""
    num_classes: int
    fingerprint: str
    """Checksum of the files."""
    facts: Mapping[str, Any]
    """Further entries of "data" in `run.json`, with at least `train_images` and `val_images`."""


@dataclass(frozen=True)
class LabelledImages:
    """Images and their classes, in memory or mapped from disk.

    `images` (N, 3, H, W) uint8, `labels` (N,) int64, `indices` (N,) int64: the position of each image in its split.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor

    def to(self, device: torch.device) -> LabelledImages:
        """Return a copy on `device`; images that do not fit there, and all on a CPU, stay mapped from disk."""
        (images,) = resident((self.images,), device)
        return LabelledImages(images, self.labels.to(device), self.indices)


@dataclass(frozen=True, kw_only=True)
class LabelledSplits(Images):
    """Training and validation images with their labels."""

    train: LabelledImages
    val: LabelledImages


def load_labelled(course: CourseData, recipe: Recipe, size: int | None) -> LabelledSplits:
    """Decode both splits of the recipe's set, to `size` pixels; see `Classification.load_images`."""
    if recipe.dataset == "mini" and (course.mini is None or course.mini.train.labels is None):
        course = data.find(data.toy_root())
    images: ImageSet | None = getattr(course, recipe.dataset)
    if images is None:
        raise FileNotFoundError(
            f"{course.root} holds no {recipe.dataset} set, which the recipe {recipe.name} trains on; "
            "`dlcv data check` says what was found there"
        )
    train, val, fingerprint = _splits(images, size)
    train = first_of_each_class(train, recipe.images_per_class)
    facts: dict[str, Any] = {"train_images": len(train.labels), "val_images": len(val.labels)}
    if images.written_labels:
        facts["labels"] = list(images.written_labels)
    return LabelledSplits(
        course=course,
        num_classes=len(images.class_names),
        fingerprint=fingerprint,
        facts=facts,
        train=train,
        val=val,
    )


def _splits(images: ImageSet, size: int | None) -> tuple[LabelledImages, LabelledImages, str]:
    """Decode training and validation images, held out of training where the set has no others; and their checksum."""
    train = data.decode(images, "train", size)
    if images.val is not None:
        val = data.decode(images, "val", size)
        every = slice(None)
        return labelled(train, every), labelled(val, every), f"{train.fingerprint}-{val.fingerprint}"
    out = held_out(labels_of(train).numpy())
    return labelled(train, np.flatnonzero(~out)), labelled(train, np.flatnonzero(out)), train.fingerprint


def labelled(decoded: Decoded, rows: slice | np.ndarray) -> LabelledImages:
    """Select the rows of a decoded split.

    Raises:
        ValueError: the split has no labels.
    """
    indices = torch.from_numpy(np.arange(len(decoded.names))[rows])
    images = decoded.images if isinstance(rows, slice) else decoded.images[indices]
    return LabelledImages(images, labels_of(decoded)[indices], indices)


def labels_of(decoded: Decoded) -> Tensor:
    """Return the labels (N,) int64 of a decoded split.

    Raises:
        ValueError: the split has none.
    """
    if decoded.labels is None:
        raise ValueError(f"the images around {decoded.names[0]} have no labels to train a classifier on")
    return decoded.labels


def held_out(labels: np.ndarray) -> np.ndarray:
    """Return a mask (N,) bool of the first of every `HELD_OUT` images of each class, in the order of the files."""
    return rank_in_class(labels) % HELD_OUT == 0


def rank_in_class(labels: np.ndarray) -> np.ndarray:
    """Count the earlier images of the same class: (N,) int64."""
    rank = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rank[rows] = np.arange(len(rows))
    return rank


def first_of_each_class(images: LabelledImages, count: int | None) -> LabelledImages:
    """Return the first `count` images of each class; all images for None."""
    if count is None:
        return images
    rows = torch.from_numpy(first_rows(np.arange(len(images.labels)), images.labels.numpy(), count))
    return LabelledImages(images.images[rows], images.labels[rows], images.indices[rows])


def first_rows(rows: np.ndarray, labels: np.ndarray, count: int | None) -> np.ndarray:
    """Return the rows of the first `count` images of each class among `rows`; all rows for None."""
    return rows if count is None else rows[rank_in_class(labels[rows]) < count]


def evenly(count: int, at_most: int) -> Tensor:
    """Return at most `at_most` indices below `count`, evenly spaced, int64."""
    return torch.linspace(0, count - 1, min(at_most, count)).long()
