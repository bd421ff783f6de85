"""Augmentation pipeline of classification and pre-training: operations by name, on a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from dlcvlib.augment.auto_augment import auto_augment
from dlcvlib.augment.blur import gaussian_blur
from dlcvlib.augment.colour import colour_jitter, grey, solarize
from dlcvlib.augment.crops import random_resized_crop
from dlcvlib.augment.erasing import random_erasing
from dlcvlib.augment.geometry import horizontal_flip, random_crop, random_rotation, resize

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

ON_BYTES: dict[str, Callable[..., Tensor]] = {"auto_augment": auto_augment, "random_crop": random_crop}
"""Operations on uint8 images, before resizing."""
TO_SIZE: dict[str, Callable[..., Tensor]] = {"random_resized_crop": random_resized_crop}
"""Operations on uint8 images that resize, in place of `resize`."""
ON_FLOATS: dict[str, Callable[..., Tensor]] = {
    "horizontal_flip": horizontal_flip,
    "random_rotation": random_rotation,
    "colour_jitter": colour_jitter,
    "grey": grey,
    "gaussian_blur": gaussian_blur,
    "solarize": solarize,
}
"""Operations on float images in [0, 1], after resizing."""
ON_NORMALISED: dict[str, Callable[..., Tensor]] = {"random_erasing": random_erasing}
"""Operations on normalised images."""


def check_names(augmentation: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise a ValueError for an unknown augmentation."""
    known = ON_BYTES | TO_SIZE | ON_FLOATS | ON_NORMALISED
    for name in augmentation:
        if name not in known:
            raise ValueError(f"unknown augmentation {name!r}; known are {', '.join(known)}")


def prepare(
    images: Tensor,
    size: int,
    augmentation: Mapping[str, Mapping[str, Any]],
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
) -> Tensor:
    """Augment, resize and normalise a batch on its device.

    Args:
        images: (N, 3, H, W) uint8.
        size: side of the output in pixels.
        augmentation: arguments by name of the operation, without `size`; `{}` for evaluation. The order is that of the
            tables above.
        mean: per channel, of images in [0, 1].
        std: per channel.

    Returns:
        (N, 3, size, size) float32, normalised.
    """
    images = _apply(ON_BYTES, images, augmentation)
    if TO_SIZE.keys().isdisjoint(augmentation):
        images = resize(images / 255, size)
    images = _apply(TO_SIZE, images, augmentation, size=size)
    images = _apply(ON_FLOATS, images, augmentation)
    return _apply(ON_NORMALISED, normalise(images, mean, std), augmentation)


def normalise(images: Tensor, mean: tuple[float, float, float], std: tuple[float, float, float]) -> Tensor:
    """Subtract the mean and divide by the standard deviation of each channel, in place; images (N, 3, H, W) float."""
    means, stds = (torch.tensor(values).view(1, 3, 1, 1).to(images.device, non_blocking=True) for values in (mean, std))
    return images.sub_(means).div_(stds)


def _apply(
    operations: Mapping[str, Callable[..., Tensor]],
    images: Tensor,
    augmentation: Mapping[str, Mapping[str, Any]],
    **given: Any,
) -> Tensor:
    for name, operation in operations.items():
        if name in augmentation:
            images = operation(images, **given, **augmentation[name])
    return images
