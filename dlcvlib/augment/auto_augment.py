"""AutoAugment with a sub-policy drawn per sample; samples with the same operation and strength share one call.

Cubuk et al., AutoAugment: Learning Augmentation Strategies from Data, CVPR 2019, https://arxiv.org/abs/1805.09501.
Policies and operations are torchvision's, whose own class draws one sub-policy for the whole batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torchvision.transforms import AutoAugment, AutoAugmentPolicy
from torchvision.transforms.v2 import functional as operations

from dlcvlib.augment.draws import fractions, integers

LEVELS = 10  # strengths 0 … 9 of an operation (table 6)


def _affine(
    images: Tensor,
    shift: tuple[int, int] = (0, 0),
    shear: tuple[float, float] = (0.0, 0.0),
    center: list[float] | None = None,
) -> Tensor:
    return operations.affine(images, angle=0.0, translate=list(shift), scale=1.0, shear=list(shear), center=center)


def _shear(strength: float) -> float:
    return math.degrees(math.atan(strength))


# See `_strength` for the range of each strength.
OPERATIONS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "ShearX": lambda images, strength: _affine(images, shear=(_shear(strength), 0.0), center=[0, 0]),
    "ShearY": lambda images, strength: _affine(images, shear=(0.0, _shear(strength)), center=[0, 0]),
    "TranslateX": lambda images, strength: _affine(images, shift=(int(strength * images.shape[-1]), 0)),
    "TranslateY": lambda images, strength: _affine(images, shift=(0, int(strength * images.shape[-2]))),
    "Rotate": lambda images, strength: operations.rotate(images, strength),
    "Brightness": lambda images, strength: operations.adjust_brightness(images, 1 + strength),
    "Color": lambda images, strength: operations.adjust_saturation(images, 1 + strength),
    "Contrast": lambda images, strength: operations.adjust_contrast(images, 1 + strength),
    "Sharpness": lambda images, strength: operations.adjust_sharpness(images, 1 + strength),
    "Posterize": lambda images, strength: operations.posterize(images, int(strength)),
    "Solarize": lambda images, strength: operations.solarize(images, 255 * strength),
    "AutoContrast": lambda images, _: operations.autocontrast(images),
    "Equalize": lambda images, _: operations.equalize(images),
    "Invert": lambda images, _: operations.invert(images),
}
LARGEST = {
    "ShearX": 0.3,
    "ShearY": 0.3,
    "TranslateX": 150 / 331,
    "TranslateY": 150 / 331,
    "Rotate": 30.0,
} | dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), 0.9)
"""Strength at the highest level, of the operations with a random sign."""


def _strength(operation: str, level: int | None, sign: int) -> float:
    if level is None:
        return 0.0
    share = level / (LEVELS - 1)
    if operation == "Posterize":
        return float(round(8 - 4 * share))
    if operation == "Solarize":
        return 1 - share
    return sign * LARGEST[operation] * share


def auto_augment(images: Tensor, policy: str = "imagenet", generator: Generator | None = None) -> Tensor:
    """Apply a random sub-policy to each image: two operations, each with a probability and a strength.

    Args:
        images: (N, 3, H, W) uint8.
        policy: data set of the policy: "imagenet", "cifar10" or "svhn".
        generator: random generator on the CPU; None for torch's global one.

    Returns:
        (N, 3, H, W) uint8.

    Raises:
        ValueError: `images` are not uint8.
    """
    if images.dtype != torch.uint8:
        raise ValueError(f"auto_augment takes uint8 images, not {images.dtype}: apply it before converting to float")
    policies = AutoAugment(AutoAugmentPolicy(policy)).policies
    drawn = integers(len(policies), len(images), generator=generator).tolist()
    for stage in (0, 1):
        draws = fractions(len(images), generator=generator).tolist()
        sign = (integers(2, len(images), generator=generator) * 2 - 1).tolist()
        groups: dict[tuple[str, float], list[int]] = {}
        for sample, index in enumerate(drawn):
            operation, probability, level = policies[index][stage]
            if draws[sample] <= probability:
                groups.setdefault((operation, _strength(operation, level, sign[sample])), []).append(sample)
        images = images.clone()
        for (operation, strength), samples in groups.items():
            images[samples] = OPERATIONS[operation](images[samples], strength)
    return images
