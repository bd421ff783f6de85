"""From decoded pixels to what a network sees: a list of augmentations, by name, on a whole batch."""

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
"""Operations on uint8 images, before they are scaled to the network's size."""
TO_SIZE: dict[str, Callable[..., Tensor]] = {"random_resized_crop": random_resized_crop}
"""Operations from uint8 images to float images of the network's size, in place of plain scaling."""
ON_FLOATS: dict[str, Callable[..., Tensor]] = {
    "horizontal_flip": horizontal_flip,
    "random_rotation": random_rotation,
    "colour_jitter": colour_jitter,
    "grey": grey,
    "gaussian_blur": gaussian_blur,
    "solarize": solarize,
}
"""Operations on float images in [0, 1] of the network's size."""
ON_NORMALISED: dict[str, Callable[..., Tensor]] = {"random_erasing": random_erasing}
"""Operations on normalised images, where 0 is the mean colour."""


def check_names(augmentation: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse an unknown augmentation.

    Raises:
        ValueError: names the unknown and the known ones.
    """
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
    """Augment, scale and normalise a batch on its own device.

    Args:
        images: (N, 3, H, W) uint8.
        size: side in pixels that the network sees.
        augmentation: from name to arguments; `{}` for evaluation. They run in the order of this file's
            tables, whatever their order here. `random_resized_crop` takes no `size`: it is that of the network.
        mean: of each channel of images in [0, 1].
        std: likewise.

    Returns:
        (N, 3, size, size) float32, about zero mean and unit spread.
    """
    images = _apply(ON_BYTES, images, augmentation)
    if TO_SIZE.keys().isdisjoint(augmentation):
        images = resize(images / 255, size)
    images = _apply(TO_SIZE, images, augmentation, size=size)
    images = _apply(ON_FLOATS, images, augmentation)
    return _apply(ON_NORMALISED, normalise(images, mean, std), augmentation)


def normalise(images: Tensor, mean: tuple[float, float, float], std: tuple[float, float, float]) -> Tensor:
    """Give `images` (N, 3, H, W) float about zero mean and unit spread, in their own memory."""
    shift, spread = (
        torch.tensor(values).view(1, 3, 1, 1).to(images.device, non_blocking=True) for values in (mean, std)
    )
    return images.sub_(shift).div_(spread)


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
