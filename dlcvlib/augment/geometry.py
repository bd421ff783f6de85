"""Geometric augmentation: flip, rotation and padded crop, with random parameters per sample."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from dlcvlib.augment.draws import chosen, integers, on_rows, uniform


def horizontal_flip(images: Tensor, probability: float = 0.5, generator: Generator | None = None) -> Tensor:
    """Flip each image left to right with the given probability.

    Args:
        images: (N, C, H, W), any dtype.
        probability: probability of each image.
        generator: random generator on the CPU; None for torch's global one.
    """
    return on_rows(images, chosen(len(images), probability, generator), lambda some: some.flip(-1))


def random_crop(images: Tensor, size: int, padding: int = 0, generator: Generator | None = None) -> Tensor:
    """Zero-pad each image and crop a `size` x `size` window at its own random position.

    Args:
        images: (N, C, H, W), any dtype.
        size: side of the window in pixels.
        padding: padding on each side in pixels.
        generator: random generator on the CPU; None for torch's global one.

    Returns:
        (N, C, size, size), dtype of `images`.

    Raises:
        ValueError: the window is larger than the padded image.
    """
    padded = functional.pad(images, (padding, padding, padding, padding))
    number, _, height, width = padded.shape
    if size > height or size > width:
        raise ValueError(
            f"a window of {size} px does not fit an image of {height} x {width} px (padding of {padding} included)"
        )
    top = integers(height - size + 1, number, 1, generator=generator).to(images.device, non_blocking=True)
    left = integers(width - size + 1, number, 1, generator=generator).to(images.device, non_blocking=True)
    along = torch.arange(size, device=images.device)
    sample = torch.arange(number, device=images.device)[:, None, None]
    # Advanced indexing around a slice moves the channel axis last: (N, size, size, C).
    windows = padded[sample, :, (top + along)[:, :, None], (left + along)[:, None, :]]
    return windows.permute(0, 3, 1, 2)


def random_rotation(
    images: Tensor, degrees: float, probability: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Rotate each image about its centre by its own random angle; pixels from outside the image become 0.

    Args:
        images: (N, C, H, W) float.
        degrees: range of the uniform angle, [-degrees, degrees].
        probability: probability of each image.
        generator: random generator on the CPU; None for torch's global one.

    Returns:
        (N, C, H, W), nearest neighbour as in torchvision's `RandomRotation`.
    """
    rows = chosen(len(images), probability, generator)
    widest = math.radians(degrees)
    angles = uniform(len(images), (-widest, widest), generator)[rows].to(images.device, non_blocking=True)
    return on_rows(images, rows, lambda some: rotate(some, angles))


def rotate(images: Tensor, angles: Tensor) -> Tensor:
    """Rotate image n counter-clockwise by angles[n].

    Args:
        images: (N, C, H, W) float.
        angles: (N,) in radians.
    """
    grid = rotation_grid(angles, *images.shape[-2:]).to(images.dtype)
    return functional.grid_sample(images, grid, mode="nearest", padding_mode="zeros", align_corners=False)


def rotation_grid(angles: Tensor, height: int, width: int) -> Tensor:
    """Return the sampling grid of a counter-clockwise rotation of image n by angles[n], for `grid_sample`.

    Args:
        angles: (N,) in radians.
        height: image height in pixels.
        width: image width in pixels.

    Returns:
        (N, height, width, 2) float, x and y in [-1, 1] inside the image.
    """
    cosine, sine, zero = angles.cos(), angles.sin(), torch.zeros_like(angles)
    # affine_grid has coordinates in [-1, 1] along both sides: the shear terms need the aspect ratio.
    rows = [
        torch.stack([cosine, -sine * height / width, zero], 1),
        torch.stack([sine * width / height, cosine, zero], 1),
    ]
    return functional.affine_grid(torch.stack(rows, 1), [len(angles), 1, height, width], align_corners=False)


def resize(images: Tensor, size: int) -> Tensor:
    """Resize to `size` x `size`, bilinear with antialiasing; images of that size are returned as they are.

    Args:
        images: (N, C, H, W) float.
    """
    if images.shape[-2:] == (size, size):
        return images
    return functional.interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False)
