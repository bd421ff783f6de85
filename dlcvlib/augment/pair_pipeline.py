"""Augmentation pipeline of segmentation: images and masks with the same random parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from dlcvlib.augment.blur import gaussian_blur
from dlcvlib.augment.colour import colour_jitter, grey
from dlcvlib.augment.pairs import random_dihedral, random_rotation, random_scale_crop
from dlcvlib.augment.pipeline import IMAGENET_MEAN, IMAGENET_STD, normalise

ON_BOTH: dict[str, Callable[..., tuple[Tensor, Tensor]]] = {
    "random_dihedral": random_dihedral,
    "random_rotation": random_rotation,
}
"""Geometric operations on image and mask."""
ON_IMAGES: dict[str, Callable[..., Tensor]] = {
    "colour_jitter": colour_jitter,
    "grey": grey,
    "gaussian_blur": gaussian_blur,
}
"""Colour operations on the image only."""


def check_pair_names(augmentation: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise a ValueError for an unknown augmentation."""
    known = {"random_scale_crop": random_scale_crop} | ON_BOTH | ON_IMAGES
    for name in augmentation:
        if name not in known:
            raise ValueError(f"unknown augmentation {name!r} of image and mask; known are {', '.join(known)}")


def prepare_pairs(
    images: Tensor,
    masks: Tensor,
    tile: int | None,
    augmentation: Mapping[str, Mapping[str, Any]],
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
) -> tuple[Tensor, Tensor]:
    """Augment and normalise a batch of images and masks on their device.

    Args:
        images: (N, 3, H, H) uint8.
        masks: (N, H, H) integer class ids.
        tile: side of the random crops in pixels; None for whole images.
        augmentation: arguments by name of the operation. The crop comes first, then the order of the tables above.
        mean: per channel, of images in [0, 1].
        std: per channel.

    Returns:
        images (N, 3, side, side) float32, normalised, and masks (N, side, side) of their dtype.
    """
    images = images / 255
    side = tile or images.shape[-1]
    if "random_scale_crop" in augmentation or side != images.shape[-1]:
        crop = {"scale": (1.0, 1.0)} | dict(augmentation.get("random_scale_crop", {}))
        images, masks = random_scale_crop(images, masks, side, **crop)
    for name, operation in ON_BOTH.items():
        if name in augmentation:
            images, masks = operation(images, masks, **augmentation[name])
    for name, on_images in ON_IMAGES.items():
        if name in augmentation:
            images = on_images(images, **augmentation[name])
    return normalise(images, mean, std), masks
