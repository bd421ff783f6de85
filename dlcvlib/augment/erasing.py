"""Random erasing: a rectangle of each image is blanked, so that no single part suffices.

Zhong et al., Random Erasing Data Augmentation, AAAI 2020, https://arxiv.org/abs/1708.04896.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor

from dlcvlib.augment.geometry import chosen


def random_erasing(
    images: Tensor,
    probability: float = 0.5,
    scale: tuple[float, float] = (0.02, 0.33),
    ratio: tuple[float, float] = (0.3, 3.3),
    generator: Generator | None = None,
) -> Tensor:
    """Set a rectangle of each chosen image to 0 (the mean colour, once images are normalised).

    Args:
        images: (N, C, H, W) float.
        probability: of erasing in an image.
        scale: share of the area, uniform between the two.
        ratio: height over width, log-uniform between the two. A rectangle longer than the image is cut to it
            (torchvision draws again up to ten times instead, which a batch cannot).
    """
    number, _, height, width = images.shape
    draw: dict[str, Any] = {"device": images.device, "generator": generator}
    area = height * width * (scale[0] + (scale[1] - scale[0]) * torch.rand(number, **draw))
    aspect = torch.exp(math.log(ratio[0]) + math.log(ratio[1] / ratio[0]) * torch.rand(number, **draw))
    tall = (area * aspect).sqrt().round().clamp(1, height)
    wide = (area / aspect).sqrt().round().clamp(1, width)
    top = (torch.rand(number, **draw) * (height - tall + 1)).floor()
    left = (torch.rand(number, **draw) * (width - wide + 1)).floor()
    row = torch.arange(height, device=images.device)[None, :]
    column = torch.arange(width, device=images.device)[None, :]
    in_rows = (row >= top[:, None]) & (row < (top + tall)[:, None])
    in_columns = (column >= left[:, None]) & (column < (left + wide)[:, None])
    erased = in_rows[:, :, None] & in_columns[:, None, :] & chosen(images, probability, generator)[:, None, None]
    return images.masked_fill(erased[:, None], 0.0)
