"""Geometric augmentation of image and mask together, with random parameters per pair.

Images are interpolated bilinearly, masks by the nearest neighbour, as class ids cannot be averaged.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional

from dlcvlib.augment.crops import resized_crop
from dlcvlib.augment.dihedral import ELEMENTS, MIRROR, TRANSPOSE, UPSIDE_DOWN, check_square
from dlcvlib.augment.draws import chosen, fractions, integers, on_rows, uniform
from dlcvlib.augment.geometry import rotation_grid
from dlcvlib.data.palette import UNKNOWN

OPERATIONS: dict[int, Callable[[Tensor], Tensor]] = {
    MIRROR: lambda some: some.flip(-1),
    UPSIDE_DOWN: lambda some: some.flip(-2),
    TRANSPOSE: lambda some: some.transpose(-1, -2),
}
"""Steps of `dihedral`, in its order."""


def random_dihedral(
    images: Tensor, masks: Tensor, turns: bool = True, generator: Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Apply a random element of the dihedral group to each pair, all equally likely.

    Args:
        images: (N, C, S, S), any dtype.
        masks: (N, S, S), any dtype.
        turns: False for the four flips only, without rotations by 90 degrees.
        generator: random generator on the CPU; None for torch's global one.

    Returns:
        images and masks of the same shapes and dtypes.

    Raises:
        ValueError: shapes of images and masks do not match, or are not square.
    """
    _check_pairs(images, masks)
    check_square(images)
    elements = integers(len(ELEMENTS) if turns else TRANSPOSE, len(images), generator=generator)
    for part, operation in OPERATIONS.items():
        rows = (elements & part).nonzero().squeeze(1)
        images, masks = on_rows(images, rows, operation), on_rows(masks, rows, operation)
    return images, masks


def random_rotation(
    images: Tensor,
    masks: Tensor,
    degrees: float = 180,
    probability: float = 1.0,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Rotate each pair about its centre by its own random angle; pixels from outside the image become Unknown.

    Args:
        images: (N, C, H, W) float in [0, 1], or uint8.
        masks: (N, H, W), class ids 0 to 6, integer.
        degrees: range of the uniform angle, [-degrees, degrees].
        probability: probability of each pair.
        generator: random generator on the CPU; None for torch's global one.

    Returns:
        images: (N, C, H, W) float in [0, 1], bilinear, 0 outside.
        masks: (N, H, W), dtype of `masks`, nearest neighbour, 6 outside.

    Raises:
        ValueError: shapes of images and masks do not match.
    """
    _check_pairs(images, masks)
    rows = chosen(len(images), probability, generator)
    widest = math.radians(degrees)
    angles = uniform(len(images), (-widest, widest), generator)[rows].to(images.device, non_blocking=True)
    grid = rotation_grid(angles, *images.shape[-2:])
    images = on_rows(_as_floats(images), rows, lambda some: _sample(some, grid, "bilinear"))
    return images, on_rows(masks, rows, lambda some: _sample_ids(some, grid))


def random_scale_crop(
    images: Tensor,
    masks: Tensor,
    size: int,
    scale: tuple[float, float] = (0.5, 2.0),
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Scale each pair by its own random factor, then crop a `size` x `size` tile at its own random position.

    Args:
        images: (N, C, H, W) float in [0, 1], or uint8.
        masks: (N, H, W), class ids, integer.
        size: side of the tile in pixels.
        scale: range of the log-uniform scale factor.
        generator: random generator on the CPU; None for torch's global one.

    Returns:
        images: (N, C, size, size) float32 in [0, 1], bilinear with antialiasing.
        masks: (N, size, size), dtype of `masks`, nearest neighbour.

    Raises:
        ValueError: shapes of images and masks do not match, or the tile is larger than the image at the smallest scale.
    """
    _check_pairs(images, masks)
    height, width = images.shape[-2:]
    if not 0 < scale[0] <= scale[1] or round(size / scale[0]) > min(height, width):
        raise ValueError(
            f"a tile of {size} px does not fit an image of {height} x {width} px scaled by {scale[0]} to {scale[1]}: "
            f"the smaller factor must be at least {size / min(height, width):.3g}, and not above the larger"
        )
    factor = uniform(len(images), (math.log(scale[0]), math.log(scale[1])), generator).exp()
    side = (size / factor).round().clamp(1, min(height, width)).long()[:, None]
    room = torch.tensor([height, width]) - side
    corner = (fractions(len(images), 2, generator=generator) * (room + 1)).long()
    boxes = torch.cat([corner, side, side], 1)
    return resized_crop(images, boxes, size), _nearest_crop(masks, boxes, size)


def _nearest_crop(masks: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Crop box n, (N, 4) of top, left, height, width, of mask n: (N, H, W) to (N, size, size)."""
    top, left, tall, wide = boxes.to(masks.device, non_blocking=True)[:, :, None].unbind(1)
    centre = 2 * torch.arange(size, device=masks.device) + 1  # of each pixel of the tile, in half pixels
    rows, columns = top + centre * tall // (2 * size), left + centre * wide // (2 * size)
    sample = torch.arange(len(masks), device=masks.device)[:, None, None]
    return masks[sample, rows[:, :, None], columns[:, None, :]]


def _sample(images: Tensor, grid: Tensor, mode: str) -> Tensor:
    return functional.grid_sample(images, grid.to(images.dtype), mode, padding_mode="zeros", align_corners=False)


def _sample_ids(masks: Tensor, grid: Tensor) -> Tensor:
    """Sample ids by the nearest neighbour, shifted so that the zero padding is Unknown."""
    shifted = masks[:, None].float() - UNKNOWN
    return (_sample(shifted, grid, "nearest") + UNKNOWN).squeeze(1).to(masks.dtype)


def _as_floats(images: Tensor) -> Tensor:
    return images if images.is_floating_point() else images / 255


def _check_pairs(images: Tensor, masks: Tensor) -> None:
    if images.ndim != 4 or masks.shape != (images.shape[0], *images.shape[2:]):
        raise ValueError(
            f"images must be (N, C, H, W) and masks (N, H, W) of the same N, H, W, "
            f"got {tuple(images.shape)} and {tuple(masks.shape)}"
        )
    if masks.is_floating_point():
        raise ValueError(f"masks must hold integer class ids, got {masks.dtype}")
