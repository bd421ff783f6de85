"""Random resized crop: a window of random size, aspect ratio and position per sample, resized to one size.

Szegedy et al., Going Deeper with Convolutions, CVPR 2015, section 6, https://arxiv.org/abs/1409.4842.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from dlcvlib.augment.draws import fractions, uniform
from dlcvlib.augment.separable import Taps, apply_separable

ATTEMPTS = 10  # boxes drawn per image, as in torchvision


def random_resized_crop(
    images: Tensor,
    size: int,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    generator: Generator | None = None,
) -> Tensor:
    """Crop a random box of each image and resize it to `size` x `size`.

    Args:
        images: (N, C, H, W) float in [0, 1], or uint8.
        size: side of the output in pixels.
        scale: range of the uniform area of the box, as a fraction of the image's.
        ratio: range of the log-uniform aspect ratio, width over height.
        generator: random generator on the CPU; None for torch's global one.

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
    """Draw boxes as torchvision's `RandomResizedCrop`: the first of ten that fits, else a central one.

    Args:
        number: number of boxes.
        height: image height in pixels.
        width: image width in pixels.
        scale: range of the uniform area of the box, as a fraction of the image's.
        ratio: range of the log-uniform aspect ratio, width over height.
        generator: random generator on the CPU; None for torch's global one.

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
    corner = (fractions(number, 2, generator=generator) * (room + 1)).long()
    return torch.where(fits.any(1, keepdim=True), torch.cat([corner, size], 1), _central_box(height, width, ratio))


def _central_box(height: int, width: int, ratio: tuple[float, float]) -> Tensor:
    """Return the largest centred box with an aspect ratio in range."""
    tall = min(height, round(width / ratio[0]))
    wide = min(width, round(height * ratio[1]))
    return torch.tensor([(height - tall) // 2, (width - wide) // 2, tall, wide])


def resized_crop(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Crop box n of image n and resize it to `size` x `size`, bilinear with antialiasing.

    Args:
        images: (N, C, H, W) float in [0, 1], or uint8.
        boxes: (N, 4) integers: top, left, height, width, inside the images.
        size: side of the output in pixels.

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
    """Return the weights that resize `length` pixels from `start` on to `size` pixels, bilinear with antialiasing.

    Weights fall linearly to 0 over one pixel of the output or of the source, whichever is larger.

    Args:
        start: (N,) float, first source pixel.
        length: (N,) float, number of source pixels.
        side: side of the source in pixels.
        size: side of the output in pixels.

    Returns:
        Taps of N images; the weights of each output pixel sum to 1.
    """
    start, length = start[:, None, None], length[:, None, None]
    step = length / size
    reach = step.clamp(min=1)
    centre = (torch.arange(size, device=start.device)[:, None] + 0.5) * step
    most = math.ceil(2 * max(side / size, 1))
    pixel = (centre - reach + 0.5).floor() + torch.arange(most, device=start.device)
    weights = (1 - (pixel + 0.5 - centre).abs() / reach).clamp(min=0) * ((pixel >= 0) & (pixel < length))
    return Taps((start + pixel).clamp(0, side - 1).long(), weights / weights.sum(2, keepdim=True))
