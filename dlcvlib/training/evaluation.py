"""The one path from pixels to scores: validation during training takes it, and so does what is handed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dlcvlib import augment, models
from dlcvlib.recipes import ClassificationRecipe, SegmentationRecipe
from dlcvlib.training.device import Precision, autocast

Normalisation = Mapping[str, tuple[float, float, float]]
"""`mean` and `std` of the channels; empty for ImageNet's."""


def prepare(
    images: Tensor, size: int, normalisation: Normalisation, augmentation: Mapping[str, Mapping[str, Any]]
) -> Tensor:
    """Images as a network takes them, (N, 3, size, size) float, from uint8 (N, 3, H, W); `{}` for no augmentation."""
    prepared = augment.prepare(images, size, augmentation, **normalisation)
    return prepared.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def classify(
    model: nn.Module, images: Tensor, recipe: ClassificationRecipe, normalisation: Normalisation, precision: Precision
) -> tuple[Tensor, Tensor]:
    """Features (N, D) and scores (N, classes), float32, of uint8 images; the scores averaged as the recipe says."""
    model.eval()
    prepared = prepare(images, recipe.image_size, normalisation, {})
    with autocast(images.device, precision):
        features, scores = models.penultimate(model, prepared)
        if recipe.flip_averaging:
            scores = (scores + model(prepared.flip(-1)).float()) / 2
    return features, scores


@torch.no_grad()
def segment(
    model: nn.Module,
    images: Tensor,
    size: tuple[int, ...],
    recipe: SegmentationRecipe,
    normalisation: Normalisation,
    precision: Precision,
) -> Tensor:
    """Logits (N, 7, *size) float32 of uint8 images, averaged over the eight views where the recipe says so."""
    model.eval()
    prepared = prepare(images, recipe.image_size, normalisation, {})
    with autocast(images.device, precision):
        if recipe.dihedral_averaging:
            logits = augment.undo_dihedral(model(augment.dihedral_views(prepared))).float().mean(0)
        else:
            logits = model(prepared)
    return functional.interpolate(logits.float(), size, mode="bilinear", align_corners=False)
