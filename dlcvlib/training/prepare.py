"""What a training starts from: its images, and its network with the weights it begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from dlcvlib import data, models, ssl
from dlcvlib.data import CourseData, Decoded, ImageSet
from dlcvlib.recipes import ClassificationRecipe, PretrainingRecipe, Recipe
from dlcvlib.training.classification import LabelledImages
from dlcvlib.training.pretraining import UnlabelledImages

MINI_SIDE = 84
"""Pixels along a side of a Mini-ImageNet image."""
MINI_CLASSES = 64
MINI_HELD_OUT = 10
"""Mini-ImageNet has no validation split: one image in so many of each class is kept out of training for it."""
BANK = 5000
QUERIES = 2000
"""At most so many images that the monitors of a pre-training see, evenly spread over the set."""


@dataclass(frozen=True)
class Images:
    """The two parts of a labelled set, and the fingerprint of the files they came from."""

    train: LabelledImages
    val: LabelledImages
    num_classes: int
    fingerprint: str
    written_labels: tuple[str, ...] = ()
    """How the csv writes each class; () where it writes the ids themselves."""

    @property
    def described(self) -> dict[str, Any]:
        """For `run.json`."""
        words = {"labels": list(self.written_labels)} if self.written_labels else {}
        return {
            "fingerprint": self.fingerprint,
            "train_images": len(self.train.labels),
            "val_images": len(self.val.labels),
            "classes": self.num_classes,
            **words,
        }


@dataclass(frozen=True)
class PretrainingImages:
    """Images for a pre-training, and the fingerprint of the files they came from."""

    images: UnlabelledImages
    monitored: str
    """Name of the set that the monitors' labels are of."""
    fingerprint: str

    @property
    def described(self) -> dict[str, Any]:
        """For `run.json`."""
        return {
            "fingerprint": self.fingerprint,
            "train_images": self.images.count,
            "val_images": len(self.images.queries.labels),
            "classes": self.images.num_classes,
            "monitored": self.monitored,
        }


def unlabelled_images(course: CourseData, recipe: PretrainingRecipe) -> PretrainingImages:
    """Mini-ImageNet without its labels, and labelled images for the monitors.

    Where Mini-ImageNet has labels, one image in ten of each class is kept out for the monitors; where it has none, they
    look at the Office set.

    Raises:
        FileNotFoundError: the data hold no Mini-ImageNet, or no labels for the monitors.
    """
    mini = course.mini
    if mini is None:
        raise FileNotFoundError(f"{course.root} holds no Mini-ImageNet, which {recipe.name} is pre-trained on")
    decoded = data.decode(mini, "train")
    if decoded.labels is None:
        return _monitored_on_office(course, recipe, decoded)
    labels = decoded.labels.numpy()
    held_out = _held_out(labels)
    kept = _first_rows(np.flatnonzero(~held_out), labels, recipe.images_per_class)
    bank, queries = (
        _labelled(decoded, _spread(rows, most)) for rows, most in ((kept, BANK), (np.flatnonzero(held_out), QUERIES))
    )
    images = UnlabelledImages(decoded.images, bank, queries, len(mini.class_names), rows=torch.from_numpy(kept))
    return PretrainingImages(images, "mini", decoded.fingerprint)


def _monitored_on_office(course: CourseData, recipe: PretrainingRecipe, mini: Decoded) -> PretrainingImages:
    office = course.office
    if office is None or office.val is None:
        raise FileNotFoundError(f"{course.root}: neither Mini-ImageNet nor Office has labels for the monitors")
    train, val = (data.decode(office, split, recipe.image_size) for split in ("train", "val"))
    bank, queries = (
        _labelled(decoded, _spread(np.arange(len(decoded.names)), most))
        for decoded, most in ((train, BANK), (val, QUERIES))
    )
    seen = _as_many_as(mini.images, recipe.images_per_class)
    images = UnlabelledImages(seen, bank, queries, len(office.class_names))
    return PretrainingImages(images, "office", f"{mini.fingerprint}-{train.fingerprint}-{val.fingerprint}")


def _as_many_as(images: torch.Tensor, per_class: int | None) -> torch.Tensor:
    """Of images without labels, as many as there would be of Mini-ImageNet's classes, evenly spread over the set."""
    if per_class is None or per_class * MINI_CLASSES >= len(images):
        return images
    return images[torch.linspace(0, len(images) - 1, per_class * MINI_CLASSES).long()]


def _spread(rows: np.ndarray, at_most: int) -> np.ndarray:
    return rows[torch.linspace(0, len(rows) - 1, min(at_most, len(rows))).long().numpy()]


def labelled_source(course: CourseData, recipe: ClassificationRecipe) -> CourseData:
    """Return the data whose set a recipe trains on: `course` itself.

    For Mini-ImageNet without labels (most editions' download has none) the toy world stands in; it is what the record
    names then.
    """
    if recipe.dataset == "mini" and (course.mini is None or course.mini.train.labels is None):
        return data.find(data.toy_root())
    return course


def labelled_set(course: CourseData, recipe: ClassificationRecipe) -> ImageSet:
    """Return the set of `labelled_source` that a recipe trains on.

    Raises:
        FileNotFoundError: the data hold no such set.
    """
    found: ImageSet | None = getattr(labelled_source(course, recipe), recipe.dataset)
    if found is None:
        raise FileNotFoundError(
            f"{course.root} holds no {recipe.dataset} set, which the recipe {recipe.name} trains on; "
            "`dlcv data check` says what was found there"
        )
    return found


def load_images(image_set: ImageSet, recipe: ClassificationRecipe) -> Images:
    """Decode both parts once; choose the recipe's images.

    Raises:
        ValueError: the set has no labels.
    """
    size = decoded_size(recipe)
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
    return Images(chosen, parts[1], len(image_set.class_names), fingerprint, image_set.written_labels)


def decoded_size(recipe: ClassificationRecipe) -> int | None:
    """Side to decode to: Office images differ in size, Mini's can be more than needed; None leaves them as they are."""
    if recipe.dataset == "office" or (recipe.dataset == "mini" and recipe.image_size < MINI_SIDE):
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
    rows = torch.from_numpy(_first_rows(np.arange(len(images.labels)), images.labels.numpy(), count))
    return LabelledImages(images.images[rows], images.labels[rows], images.indices[rows])


def _first_rows(rows: np.ndarray, labels: np.ndarray, count: int | None) -> np.ndarray:
    """Of the rows, those of the first `count` of each class among them; all for None."""
    return rows if count is None else rows[_place_in_class(labels[rows]) < count]


def build_model(recipe: ClassificationRecipe, num_classes: int) -> nn.Module:
    """The recipe's network with random weights, drawn from torch's generator."""
    if recipe.head == "own":
        return _network(recipe, num_classes)
    backbone, width = build_backbone(recipe)
    return models.LinearClassifier(backbone, width, num_classes)


def build_backbone(recipe: Recipe) -> tuple[nn.Module, int]:
    """The recipe's network without its last layer, with random weights, and the number of its features."""
    model = _network(recipe, num_classes=1)
    width = models.feature_dim(model)
    return models.as_backbone(model), width


def build_method(recipe: PretrainingRecipe) -> ssl.Method:
    """Build the recipe's method around its backbone, with random weights.

    Raises:
        ValueError: unknown method or option.
    """
    backbone, feature_dim = build_backbone(recipe)
    views = sum(view.count for view in recipe.views)
    return ssl.build(recipe.method, backbone, feature_dim, views=views, epochs=recipe.epochs, **recipe.method_options)


def _network(recipe: Recipe, num_classes: int) -> nn.Module:
    options: dict[str, Any] = dict(recipe.model_options)
    if "image_size" in models.options_of(recipe.model, recipe.form):
        options["image_size"] = recipe.image_size
    return models.build(recipe.model, num_classes, form=recipe.form, **options)
