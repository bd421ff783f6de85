"""Changing colours: jitter, grey and solarisation, drawn anew for every image of a batch.

The four adjustments are torchvision's `ColorJitter`, value by value; self-supervised learning takes them from
Chen et al., SimCLR, ICML 2020, appendix A, https://arxiv.org/abs/2002.05709.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from dlcvlib.augment.draws import chosen, fractions, on_rows, uniform

Adjustment = Callable[[Tensor, Tensor], Tensor]
"""From images and a factor for each to images."""
LUMA = (0.2989, 0.587, 0.114)
"""How much red, green and blue count for brightness (ITU-R BT.601)."""


def colour_jitter(
    images: Tensor,
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    hue: float = 0.0,
    probability: float = 1.0,
    generator: Generator | None = None,
) -> Tensor:
    """Adjust each chosen image's colours by factors of its own, in an order of its own.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        brightness: the factor is uniform in [max(0, 1 - brightness), 1 + brightness].
        contrast: likewise.
        saturation: likewise.
        hue: the turn is uniform in [-hue, hue], where 1 is the whole circle.
        probability: of adjusting an image at all.
        generator: source of chance, on the CPU; None means torch's own.

    Returns:
        (N, 3, H, W) float in [0, 1].

    Raises:
        ValueError: a strength is out of its range, or `images` are not float.
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
    """Apply A adjustments to each image, with factors and in an order of its own.

    Images whose turn it is with the same adjustment are brought together, so that it takes them all at once.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        adjustments: A of them, numbered from 0.
        factors: (N, A) float on the CPU, one for each adjustment.
        order: (N, A) int64 on the CPU, the numbers of the adjustments in the order of their turn.

    Returns:
        (N, 3, H, W) float in [0, 1].
    """
    place = torch.arange(len(images))
    for turn in order.unbind(1):
        together = turn.argsort()
        images = images.index_select(0, place[together].to(images.device, non_blocking=True))
        place = together.argsort()
        sizes = turn.bincount(minlength=len(adjustments)).tolist()
        own = factors[together, turn[together]].to(images.device, non_blocking=True)
        for adjust, group, factor in zip(adjustments, images.split(sizes), own.split(sizes), strict=True):
            group.copy_(adjust(group, factor))
    return images.index_select(0, place.to(images.device, non_blocking=True))


def grey(images: Tensor, probability: float = 0.2, generator: Generator | None = None) -> Tensor:
    """Take the colour from each chosen image.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        probability: of each image.
        generator: source of chance, on the CPU; None means torch's own.

    Raises:
        ValueError: `images` are not float.
    """
    _check_floats(images)
    return on_rows(images, chosen(len(images), probability, generator), lambda some: luma(some).repeat(1, 3, 1, 1))


def solarize(
    images: Tensor, threshold: float = 0.5, probability: float = 0.2, generator: Generator | None = None
) -> Tensor:
    """Invert whatever is at least as bright as `threshold` in each chosen image.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        threshold: in [0, 1].
        probability: of each image.
        generator: source of chance, on the CPU; None means torch's own.

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
    """Brightness of colours: (N, 3, H, W) to (N, 1, H, W)."""
    red, green, blue = images.split(1, dim=1)
    return (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])


def adjust_brightness(images: Tensor, factors: Tensor) -> Tensor:
    """Multiply image n by factors[n]: 0 is black, 1 the image itself.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        factors: (N,), not negative.
    """
    return (images * factors.view(-1, 1, 1, 1)).clamp_(0, 1)


def adjust_contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Multiply the distance of image n from its mean brightness by factors[n]: 0 is even grey, 1 the image itself.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        factors: (N,), not negative.
    """
    factors = factors.view(-1, 1, 1, 1)
    mean = luma(images.mean((2, 3), keepdim=True))
    return torch.addcmul(mean * (1 - factors), images, factors).clamp_(0, 1)


def adjust_saturation(images: Tensor, factors: Tensor) -> Tensor:
    """Multiply the distance of image n from its grey version by factors[n]: 0 is grey, 1 the image itself.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        factors: (N,), not negative.
    """
    factors = factors.view(-1, 1, 1, 1)
    return torch.addcmul(luma(images).mul_(1 - factors), images, factors).clamp_(0, 1)


def adjust_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Turn the hues of image n by turns[n] of the colour circle; saturation and value stay.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        turns: (N,) in [-0.5, 0.5], where 1 is the whole circle.
    """
    red, green, blue = images.unbind(1)
    larger, smaller = torch.maximum(green, blue), torch.minimum(green, blue)
    lowest = torch.minimum(red, smaller)
    chroma = torch.maximum(red, larger).sub_(lowest)
    # In sixths of the circle from red: 0 to 3 towards green where that is the larger, else towards blue. Without the
    # usual three cases, which cost more than all else here.
    hue = (smaller - red).clamp_(min=0).add_(larger).sub_(red).div_(chroma.clamp(min=1e-12)).add_(1)
    hue = hue.copysign_(green - blue).div_(6).add_(turns.view(-1, 1, 1))
    # A channel is at its highest within a sixth of the circle about its own hue, at its lowest beyond two sixths.
    opposite = 5 / 2 - torch.arange(3, device=images.device).view(1, 3, 1, 1) / 3
    away = (hue[:, None] + opposite).frac_().sub_(0.5).abs_().clamp_(1 / 6, 1 / 3)
    return away.mul_(-6 * chroma[:, None]).add_(lowest.add_(chroma, alpha=2)[:, None])
