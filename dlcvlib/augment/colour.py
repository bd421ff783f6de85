"""Colour augmentation: jitter, greyscale and solarisation, with random parameters per sample.

The adjustments equal torchvision's `ColorJitter`. Source of their use in self-supervised learning: Chen et al.,
SimCLR, ICML 2020, appendix A, https://arxiv.org/abs/2002.05709.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from dlcvlib.augment.draws import chosen, fractions, on_rows, uniform

Adjustment = Callable[[Tensor, Tensor], Tensor]  # (images, one factor per image) to images
LUMA = (0.2989, 0.587, 0.114)  # weights of red, green and blue (ITU-R BT.601)


def colour_jitter(
    images: Tensor,
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    hue: float = 0.0,
    probability: float = 1.0,
    generator: Generator | None = None,
) -> Tensor:
    """Adjust the colours of each image by its own random factors in its own random order, with the given probability.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        brightness: the factor is uniform in [max(0, 1 - brightness), 1 + brightness].
        contrast: as `brightness`.
        saturation: as `brightness`.
        hue: the shift is uniform in [-hue, hue], where 1 is the full colour circle.
        probability: probability of each image.
        generator: random generator on the CPU; None for torch's global one.

    Returns:
        (N, 3, H, W) float in [0, 1].

    Raises:
        ValueError: a strength is out of range, or `images` are not float.
    """
    _check_floats(images)
    if min(brightness, contrast, saturation) < 0 or not 0 <= hue <= 0.5:
        raise ValueError(
            f"colour_jitter's strengths are brightness {brightness}, contrast {contrast}, saturation {saturation}, "
            f"hue {hue}: none may be negative, and hue at most 0.5, half the circle"
        )
    strengths = {adjust_brightness: brightness, adjust_contrast: contrast, adjust_saturation: saturation}
    ranges: dict[Adjustment, tuple[float, float]] = {
        adjust: (max(0.0, 1 - strength), 1 + strength) for adjust, strength in strengths.items() if strength
    }
    if hue:
        ranges[adjust_hue] = (-hue, hue)
    if not ranges:
        return images
    rows = chosen(len(images), probability, generator)
    factors = torch.stack([uniform(len(images), between, generator) for between in ranges.values()], 1)[rows]
    order = fractions(len(images), len(ranges), generator=generator)[rows].argsort(1)
    return on_rows(images, rows, lambda some: adjust_in_order(some, list(ranges), factors, order))


def adjust_in_order(images: Tensor, adjustments: list[Adjustment], factors: Tensor, order: Tensor) -> Tensor:
    """Apply A adjustments to each image, with its own factors and order.

    At each step the images are sorted by adjustment, so that each adjustment is called once.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        adjustments: list of length A.
        factors: (N, A) float on the CPU, one per adjustment.
        order: (N, A) int64 on the CPU: indices of the adjustments in the order of application.

    Returns:
        (N, 3, H, W) float in [0, 1].
    """
    position = torch.arange(len(images))
    for step in order.unbind(1):
        grouped = step.argsort()
        images = images.index_select(0, position[grouped].to(images.device, non_blocking=True))
        position = grouped.argsort()
        sizes = step.bincount(minlength=len(adjustments)).tolist()
        own = factors[grouped, step[grouped]].to(images.device, non_blocking=True)
        for adjust, group, factor in zip(adjustments, images.split(sizes), own.split(sizes), strict=True):
            group.copy_(adjust(group, factor))
    return images.index_select(0, position.to(images.device, non_blocking=True))


def grey(images: Tensor, probability: float = 0.2, generator: Generator | None = None) -> Tensor:
    """Convert each image to greyscale with the given probability.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        probability: probability of each image.
        generator: random generator on the CPU; None for torch's global one.

    Raises:
        ValueError: `images` are not float.
    """
    _check_floats(images)
    return on_rows(images, chosen(len(images), probability, generator), lambda some: luma(some).repeat(1, 3, 1, 1))


def solarize(
    images: Tensor, threshold: float = 0.5, probability: float = 0.2, generator: Generator | None = None
) -> Tensor:
    """Invert the values of at least `threshold` of each image with the given probability.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        threshold: in [0, 1].
        probability: probability of each image.
        generator: random generator on the CPU; None for torch's global one.

    Raises:
        ValueError: `images` are not float.
    """
    _check_floats(images)
    rows = chosen(len(images), probability, generator)
    return on_rows(images, rows, lambda some: (some >= threshold).to(some.dtype).sub_(some).abs_())


def _check_floats(images: Tensor) -> None:
    if not images.is_floating_point():
        raise ValueError(f"colours are changed in floats in [0, 1], not in {images.dtype}: divide by 255 first")


def luma(images: Tensor) -> Tensor:
    """Return the luma of images: (N, 3, H, W) to (N, 1, H, W)."""
    red, green, blue = images.split(1, dim=1)
    return (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])


def adjust_brightness(images: Tensor, factors: Tensor) -> Tensor:
    """Multiply image n by factors[n]: 0 gives black, 1 the image.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        factors: (N,), not negative.
    """
    return (images * factors.view(-1, 1, 1, 1)).clamp_(0, 1)


def adjust_contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Blend image n with its mean luma by factors[n]: 0 gives uniform grey, 1 the image.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        factors: (N,), not negative.
    """
    factors = factors.view(-1, 1, 1, 1)
    mean = luma(images.mean((2, 3), keepdim=True))
    return torch.addcmul(mean * (1 - factors), images, factors).clamp_(0, 1)


def adjust_saturation(images: Tensor, factors: Tensor) -> Tensor:
    """Blend image n with its greyscale version by factors[n]: 0 gives greyscale, 1 the image.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        factors: (N,), not negative.
    """
    factors = factors.view(-1, 1, 1, 1)
    return torch.addcmul(luma(images).mul_(1 - factors), images, factors).clamp_(0, 1)


def adjust_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Shift the hue of image n by turns[n] of the colour circle; saturation and value stay.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        turns: (N,) in [-0.5, 0.5], where 1 is the full circle.
    """
    red, green, blue = images.unbind(1)
    larger, smaller = torch.maximum(green, blue), torch.minimum(green, blue)
    lowest = torch.minimum(red, smaller)
    chroma = torch.maximum(red, larger).sub_(lowest)
    # In sixths of the circle from red: 0 to 3 towards green if that is larger, else towards blue. The usual three
    # cases would cost more than the rest of the function.
    hue = (smaller - red).clamp_(min=0).add_(larger).sub_(red).div_(chroma.clamp(min=1e-12)).add_(1)
    hue = hue.copysign_(green - blue).div_(6).add_(turns.view(-1, 1, 1))
    # A channel is highest within a sixth of the circle from its own hue, lowest beyond two sixths.
    opposite = 5 / 2 - torch.arange(3, device=images.device).view(1, 3, 1, 1) / 3
    away = (hue[:, None] + opposite).frac_().sub_(0.5).abs_().clamp_(1 / 6, 1 / 3)
    return away.mul_(-6 * chroma[:, None]).add_(lowest.add_(chroma, alpha=2)[:, None])
