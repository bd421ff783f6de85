"""The dihedral group D4: the four rotations of a square by 90 degrees, each with and without a flip.

Satellite images have no preferred direction, so all eight transforms of one are as likely as the image itself.
"""

from __future__ import annotations

import torch
from torch import Tensor

MIRROR, UPSIDE_DOWN, TRANSPOSE = 1, 2, 4
"""Bits of an element of the group, applied in this order."""
ELEMENTS = range(8)


def dihedral(images: Tensor, element: int) -> Tensor:
    """Apply one element of the dihedral group.

    Args:
        images: (..., S, S), any dtype.
        element: 0 (identity) to 7.

    Raises:
        ValueError: the images are not square.
    """
    check_square(images)
    if element & MIRROR:
        images = images.flip(-1)
    if element & UPSIDE_DOWN:
        images = images.flip(-2)
    return images.transpose(-1, -2) if element & TRANSPOSE else images


def inverse_dihedral(images: Tensor, element: int) -> Tensor:
    """Invert `dihedral` of the same element."""
    check_square(images)
    if element & TRANSPOSE:
        images = images.transpose(-1, -2)
    if element & UPSIDE_DOWN:
        images = images.flip(-2)
    return images.flip(-1) if element & MIRROR else images


def dihedral_views(images: Tensor) -> Tensor:
    """Return the eight views of a batch, for test-time augmentation.

    Usage: `undo_dihedral(model(dihedral_views(images))).mean(0)`.

    Args:
        images: (N, C, S, S), any dtype.

    Returns:
        (8 N, C, S, S), element by element; the first N are the batch itself.

    Raises:
        ValueError: the images are not square.
    """
    return torch.cat([dihedral(images, element) for element in ELEMENTS])


def undo_dihedral(logits: Tensor) -> Tensor:
    """Invert the transforms of `dihedral_views` on a network's output, so that the eight views are aligned.

    Args:
        logits: (8 N, C, S, S) logits or probabilities, in the order of `dihedral_views`.

    Returns:
        (8, N, C, S, S).

    Raises:
        ValueError: the maps are not square, or their number is not a multiple of 8.
    """
    if len(logits) % len(ELEMENTS):
        raise ValueError(f"{len(logits)} maps are not the 8 views of a batch, which dihedral_views makes")
    views = logits.unflatten(0, (len(ELEMENTS), -1))
    return torch.stack([inverse_dihedral(view, element) for element, view in zip(ELEMENTS, views, strict=True)])


def check_square(images: Tensor) -> None:
    """Raise a ValueError for images that are not square."""
    height, width = images.shape[-2:]
    if height != width:
        raise ValueError(
            f"images of {height} x {width} px are not square: a rotation by 90 degrees would change their shape"
        )
