"""Random resized crops: a window of random size, shape and place of each image, scaled to one size.

Szegedy et al., Going Deeper with Convolutions, CVPR 2015, section 6, https://arxiv.org/abs/1409.4842.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from dlcvlib.augment.draws import fractions, uniform
from dlcvlib.augment.separable import Taps, apply_separable

ATTEMPTS = 10
"""Boxes drawn for each image until one fits, as in torchvision."""


def random_resized_crop(
    images: Tensor,
    size: int,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    generator: Generator | None = None,
) -> Tensor:
    """Cut a box of its own from each image and scale it to `size` x `size`.

    Args:
        images: (N, C, H, W) float in [0, 1], or uint8.
        size: side of the result in pixels.
        scale: share of the image's area, uniform between the two.
        ratio: width over height, log-uniform between the two.
        generator: source of chance, on the CPU; None means torch's own.

    Returns:
        (N, C, size, size) float32 in [0, 1].
    """
    number, _, height, width = images.shape
    return resized_crop(images, draw_boxes(number, height, width, scale, ratio, generator), size)


def draw_boxes(
    number: int,
    height: int,
    width: int,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    generator: Generator | None = None,
) -> Tensor:
    """Draw boxes as torchvision's `RandomResizedCrop` does: the first of ten that fits, else a central one.

    Args:
        number: of boxes.
        height: of the image in pixels.
        width: likewise.
        scale: share of the image's area, uniform between the two.
        ratio: width over height, log-uniform between the two.
        generator: source of chance, on the CPU; None means torch's own.

    Returns:
        (number, 4) int64 on the CPU: top, left, height, width.
    """
    area = height * width * uniform(number * ATTEMPTS, scale, generator).view(number, ATTEMPTS)
    log_ratio = (math.log(ratio[0]), math.log(ratio[1]))
    aspect = uniform(number * ATTEMPTS, log_ratio, generator).view(number, ATTEMPTS).exp()
    tall, wide = (area / aspect).sqrt().round().long(), (area * aspect).sqrt().round().long()
    fits = (tall > 0) & (tall <= height) & (wide > 0) & (wide <= width)
    first = fits.int().argmax(1, keepdim=True)
    size = torch.stack([tall.gather(1, first), wide.gather(1, first)], 2).squeeze(1)
    room = torch.tensor([height, width]) - size
    place = (fractions(number, 2, generator=generator) * (room + 1)).long()
    return torch.where(fits.any(1, keepdim=True), torch.cat([place, size], 1), _central_box(height, width, ratio))


def _central_box(height: int, width: int, ratio: tuple[float, float]) -> Tensor:
    """The largest box about the centre whose ratio is allowed."""
    tall = min(height, round(width / ratio[0]))
    wide = min(width, round(height * ratio[1]))
    return torch.tensor([(height - tall) // 2, (width - wide) // 2, tall, wide])


def resized_crop(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Cut box n from image n and scale it to `size` x `size`, bilinear with antialiasing.

    Args:
        images: (N, C, H, W) float in [0, 1], or uint8.
        boxes: (N, 4) integers: top, left, height, width, inside the images.
        size: side of the result in pixels.

    Returns:
        (N, C, size, size) float32 in [0, 1].
    """
    top, left, tall, wide = boxes.to(images.device, torch.float32, non_blocking=True).unbind(1)
    vertical = triangle_filter(top, tall, images.shape[-2], size)
    horizontal = triangle_filter(left, wide, images.shape[-1], size)
    if images.dtype == torch.uint8:
        vertical = vertical._replace(weights=vertical.weights / 255)
    return apply_separable(images.float(), vertical, horizontal)


def triangle_filter(start: Tensor, length: Tensor, side: int, size: int) -> Taps:
    """Weights that scale `length` pixels from `start` on to `size` pixels, bilinear with antialiasing.

    A result's pixel is a weighted mean about its centre; weights fall linearly to 0 over one pixel of the result or of
    the source, whichever is larger, so that no source pixel is skipped.

    Args:
        start: (N,) float, the first source pixel.
        length: (N,) float, how many.
        side: of the whole source.
        size: of the result.

    Returns:
        Taps of N images; the weights of every result pixel add up to 1.
    """
    start, length = start[:, None, None], length[:, None, None]
    step = length / size
    reach = step.clamp(min=1)
    centre = (torch.arange(size, device=start.device)[:, None] + 0.5) * step
    most = math.ceil(2 * max(side / size, 1))
    pixel = (centre - reach + 0.5).floor() + torch.arange(most, device=start.device)
    weights = (1 - (pixel + 0.5 - centre).abs() / reach).clamp(min=0) * ((pixel >= 0) & (pixel < length))
    return Taps((start + pixel).clamp(0, side - 1).long(), weights / weights.sum(2, keepdim=True))
