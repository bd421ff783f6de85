"""Random erasing: a random rectangle per sample is set to zero.

Zhong et al., Random Erasing Data Augmentation, AAAI 2020, https://arxiv.org/abs/1708.04896.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from dlcvlib.augment.draws import chosen, fractions, on_rows, uniform


def random_erasing(
    images: Tensor,
    probability: float = 0.5,
    scale: tuple[float, float] = (0.02, 0.33),
    ratio: tuple[float, float] = (0.3, 3.3),
    generator: Generator | None = None,
) -> Tensor:
    """Set a random rectangle of each image to 0, the mean colour of normalised images, with the given probability.

    Args:
        images: (N, C, H, W) float.
        probability: probability of each image.
        scale: range of the uniform area of the rectangle, as a fraction of the image's.
        ratio: range of the log-uniform aspect ratio, height over width. A rectangle longer than the image is cut to it
            (torchvision draws again up to ten times).
        generator: random generator on the CPU; None for torch's global one.
    """
    number, (height, width) = len(images), images.shape[-2:]
    rows = chosen(number, probability, generator)
    area = height * width * uniform(number, scale, generator)
    aspect = uniform(number, (math.log(ratio[0]), math.log(ratio[1])), generator).exp()
    tall = (area * aspect).sqrt().round().clamp(1, height)
    wide = (area / aspect).sqrt().round().clamp(1, width)
    top = (fractions(number, generator=generator) * (height - tall + 1)).floor()
    left = (fractions(number, generator=generator) * (width - wide + 1)).floor()
    boxes = torch.stack([top, left, tall, wide], 1)[rows].to(images.device, non_blocking=True)
    return on_rows(images, rows, lambda some: _erase(some, boxes))


def _erase(images: Tensor, boxes: Tensor) -> Tensor:
    """Set box n, (N, 4) of top, left, height and width, of image n to 0."""
    top, left, tall, wide = boxes[:, :, None].unbind(1)
    row = torch.arange(images.shape[-2], device=images.device)
    column = torch.arange(images.shape[-1], device=images.device)
    in_rows = (row >= top) & (row < top + tall)
    in_columns = (column >= left) & (column < left + wide)
    return images.masked_fill(in_rows[:, None, :, None] & in_columns[:, None, None, :], 0.0)
