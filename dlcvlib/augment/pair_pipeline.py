"""From decoded pixels and masks to what a segmentation trains on: image and mask augmented alike, by name."""

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
"""Operations that move the pixels of image and mask alike."""
ON_IMAGES: dict[str, Callable[..., Tensor]] = {
    "colour_jitter": colour_jitter,
    "grey": grey,
    "gaussian_blur": gaussian_blur,
}
"""Operations that leave every pixel at its place."""


def check_pair_names(augmentation: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse an unknown augmentation.

    Raises:
        ValueError: names the unknown and the known ones.
    """
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
    """Augment and normalise a batch and its masks on their own device.

    Args:
        images: (N, 3, H, H) uint8.
        masks: (N, H, H) integer class ids.
        tile: side in pixels of the crops that come out; None for whole images.
        augmentation: from name to arguments. They run in the order of this file's tables, after the crop.
        mean: of each channel of images in [0, 1].
        std: likewise.

    Returns:
        (N, 3, side, side) float32, about zero mean and unit spread, and (N, side, side) of the masks' dtype.
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
