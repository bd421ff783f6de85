"""Gaussian blur, its width drawn anew for every image of a batch."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional

from dlcvlib.augment.draws import chosen, on_rows, uniform
from dlcvlib.augment.separable import Taps, apply_separable


def gaussian_blur(
    images: Tensor,
    kernel_size: int,
    sigma: tuple[float, float] = (0.1, 2.0),
    probability: float = 1.0,
    generator: Generator | None = None,
) -> Tensor:
    """Blur each chosen image with a Gaussian of its own.

    Args:
        images: (N, C, H, W) float.
        kernel_size: number of pixels that count along each side; odd.
        sigma: standard deviation in pixels, uniform between the two.
        probability: of blurring an image at all.
        generator: source of chance, on the CPU; None means torch's own.

    Returns:
        (N, C, H, W).

    Raises:
        ValueError: `kernel_size` is even, or larger than mirroring at the border allows.
    """
    rows = chosen(len(images), probability, generator)
    sigmas = uniform(len(images), sigma, generator)[rows].to(images.device, non_blocking=True)
    return on_rows(images, rows, lambda some: blur(some, kernel_size, sigmas))


def blur(images: Tensor, kernel_size: int, sigmas: Tensor) -> Tensor:
    """Blur image n with a Gaussian of standard deviation sigmas[n]; beyond the border images are mirrored.

    Args:
        images: (N, C, H, W) float.
        kernel_size: number of pixels that count along each side; odd.
        sigmas: (N,) in pixels.

    Raises:
        ValueError: `kernel_size` is even, or larger than mirroring at the border allows.
    """
    height, width = images.shape[-2:]
    if kernel_size % 2 == 0 or kernel_size // 2 >= min(height, width):
        raise ValueError(
            f"a blur of kernel_size {kernel_size} does not fit {height} x {width} px: "
            f"take an odd one below {2 * min(height, width)}"
        )
    offsets = torch.arange(kernel_size, device=images.device) - kernel_size // 2
    kernels = functional.softmax(-(offsets**2) / (2 * sigmas[:, None] ** 2), dim=1)
    return apply_separable(images, _mirrored_taps(kernels, height), _mirrored_taps(kernels, width))


def _mirrored_taps(kernels: Tensor, side: int) -> Taps:
    """Lay (N, K) kernels about each of `side` pixels; what reaches beyond an end is folded back."""
    number, kernel_size = kernels.shape
    offsets = torch.arange(kernel_size, device=kernels.device) - kernel_size // 2
    pixels = torch.arange(side, device=kernels.device)[:, None] + offsets
    mirrored = (side - 1) - ((side - 1) - pixels.abs()).abs()
    return Taps(mirrored.expand(number, -1, -1), kernels[:, None].expand(-1, side, -1))
