"""Gaussian blur with a random standard deviation per sample."""

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
    """Blur each image with the given probability, with its own random sigma.

    Args:
        images: (N, C, H, W) float.
        kernel_size: side of the kernel in pixels, odd.
        sigma: range of the uniform standard deviation in pixels.
        probability: probability of each image.
        generator: random generator on the CPU; None for torch's global one.

    Returns:
        (N, C, H, W).

    Raises:
        ValueError: `kernel_size` is even, or too large for reflection padding.
    """
    rows = chosen(len(images), probability, generator)
    sigmas = uniform(len(images), sigma, generator)[rows].to(images.device, non_blocking=True)
    return on_rows(images, rows, lambda some: blur(some, kernel_size, sigmas))


def blur(images: Tensor, kernel_size: int, sigmas: Tensor) -> Tensor:
    """Blur image n with a Gaussian of standard deviation sigmas[n], with reflection padding.

    Args:
        images: (N, C, H, W) float.
        kernel_size: side of the kernel in pixels, odd.
        sigmas: (N,) float, in pixels.

    Raises:
        ValueError: `kernel_size` is even, or too large for reflection padding.
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
    """Centre (N, K) kernels on each of `side` pixels, with indices reflected at the borders."""
    number, kernel_size = kernels.shape
    offsets = torch.arange(kernel_size, device=kernels.device) - kernel_size // 2
    pixels = torch.arange(side, device=kernels.device)[:, None] + offsets
    mirrored = (side - 1) - ((side - 1) - pixels.abs()).abs()
    return Taps(mirrored.expand(number, -1, -1), kernels[:, None].expand(-1, side, -1))
