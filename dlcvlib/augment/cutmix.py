"""Cutmix of a batch: a box of another image, and its share of the label.

Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features, ICCV 2019,
https://arxiv.org/abs/1905.04899.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor


def cutmix(
    images: Tensor, targets: Tensor, weight: float, centre: tuple[int, int], generator: Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Paste a box of a random other image of the batch into each image, and mix the targets by area.

    The box has sides of sqrt(1 - weight) times the image's and is cut off at the border (Yun et al., eq. 2); a target
    is weighted by the pixels that were really pasted (eq. 1).

    Args:
        images: (N, C, H, W), any dtype.
        targets: (N, K) float, the share of each class; one-hot for plain images.
        weight: share of an image that stays if the box is not cut off, in [0, 1].
        centre: row and column of the box's centre.
        generator: random generator on the CPU; None for torch's global one.

    Returns:
        images (N, C, H, W) and targets (N, K), new tensors.
    """
    height, width = images.shape[-2:]
    half = (int(height * math.sqrt(1 - weight) / 2), int(width * math.sqrt(1 - weight) / 2))
    top, left = (max(middle - reach, 0) for middle, reach in zip(centre, half, strict=True))
    bottom, right = min(centre[0] + half[0], height), min(centre[1] + half[1], width)
    order = torch.randperm(len(images), generator=generator).to(images.device)
    mixed = images.clone()
    mixed[:, :, top:bottom, left:right] = images[order, :, top:bottom, left:right]
    pasted = (bottom - top) * (right - left) / (height * width)
    return mixed, (1 - pasted) * targets + pasted * targets[order]
