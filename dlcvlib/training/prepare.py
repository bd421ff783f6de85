"""What a training starts from: its images, and its network with the weights it begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from dlcvlib import data, models
from dlcvlib.data import CourseData, Decoded, ImageSet
from dlcvlib.recipes import Recipe
from dlcvlib.runs import Run
from dlcvlib.training.classification import LabelledImages

MINI_SIDE = 84
"""Pixels along a side of a Mini-ImageNet image."""
MINI_HELD_OUT = 10
"""Mini-ImageNet has no validation split: one image in so many of each class is kept out of training for it."""


@dataclass(frozen=True)
class Images:
    """The two parts of a labelled set, and the fingerprint of the files they came from."""

    train: LabelledImages
    val: LabelledImages
    num_classes: int
    fingerprint: str


def labelled_set(course: CourseData, recipe: Recipe) -> ImageSet:
    """The set that a recipe trains on.

    For Mini-ImageNet without labels (most editions' download has none) the toy world's stands in.

    Raises:
        FileNotFoundError: the data hold no such set.
    """
    found: ImageSet | None = getattr(course, recipe.dataset)
    if recipe.dataset == "mini" and (found is None or found.train.labels is None):
        found = data.find(data.toy_root()).mini
    if found is None:
        raise FileNotFoundError(
            f"{course.root} holds no {recipe.dataset} set, which the recipe {recipe.name} trains on; "
            "`dlcv data check` says what was found there"
        )
    return found


def load_images(image_set: ImageSet, recipe: Recipe) -> Images:
    """Decode both parts once; choose the recipe's images.

    Raises:
        ValueError: the set has no labels.
    """
    size = _decoded_size(image_set, recipe)
    train = data.decode(image_set, "train", size)
    if image_set.val is not None:
        val = data.decode(image_set, "val", size)
        parts = (_labelled(train, slice(None)), _labelled(val, slice(None)))
        fingerprint = f"{train.fingerprint}-{val.fingerprint}"
    else:
        held_out = _held_out(_labels(train).numpy())
        parts = (_labelled(train, np.flatnonzero(~held_out)), _labelled(train, np.flatnonzero(held_out)))
        fingerprint = train.fingerprint
    chosen = _first_of_each_class(parts[0], recipe.images_per_class)
    return Images(chosen, parts[1], len(image_set.class_names), fingerprint)


def _decoded_size(image_set: ImageSet, recipe: Recipe) -> int | None:
    """Side to decode to: Office images differ in size, Mini's can be more than needed; None leaves them as they are."""
    if image_set.name == "office" or (image_set.name == "mini" and recipe.image_size < MINI_SIDE):
        return recipe.image_size
    return None


def _labels(decoded: Decoded) -> torch.Tensor:
    if decoded.labels is None:
        raise ValueError(
            f"the images around {decoded.names[0]} have no labels, so nothing can be trained with labels on them"
        )
    return decoded.labels


def _labelled(decoded: Decoded, rows: slice | np.ndarray) -> LabelledImages:
    indices = torch.from_numpy(np.arange(len(decoded.names))[rows])
    images = decoded.images if isinstance(rows, slice) else decoded.images[indices]
    return LabelledImages(images, _labels(decoded)[indices], indices)


def _held_out(labels: np.ndarray) -> np.ndarray:
    """The first of every ten images of each class, in the order of the files: (N,) bool."""
    return _place_in_class(labels) % MINI_HELD_OUT == 0


def _place_in_class(labels: np.ndarray) -> np.ndarray:
    """How many images of the same class stand before each: (N,) int64."""
    place = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        place[rows] = np.arange(len(rows))
    return place


def _first_of_each_class(images: LabelledImages, count: int | None) -> LabelledImages:
    if count is None:
        return images
    rows = torch.from_numpy(np.flatnonzero(_place_in_class(images.labels.numpy()) < count))
    return LabelledImages(images.images[rows], images.labels[rows], images.indices[rows])


def build_model(recipe: Recipe, num_classes: int) -> nn.Module:
    """The recipe's network with random weights, drawn from torch's generator."""
    options: dict[str, Any] = dict(recipe.model_options)
    if "image_size" in models.options_of(recipe.model, recipe.form):
        options["image_size"] = recipe.image_size
    return models.build(recipe.model, num_classes, form=recipe.form, **options)


def start_from_run(model: nn.Module, run: Run, because: str) -> dict[str, Any]:
    """Load the backbone of a finished record into `model`.

    Returns:
        the origin, in words for `run.json`.
    """
    models.load_into(model, run.weights())
    info = run.info
    return {
        "from": "record",
        "title": info["recipe"]["title"],
        "record": "/".join(run.path.parts[-3:]),
        "because": because,
    }
