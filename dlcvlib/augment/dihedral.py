"""The eight ways to lay a square on itself: four quarter turns, each also mirrored (the dihedral group D4).

Seen from above no direction is special, so all eight views of a satellite image are as likely as the image.
"""

from __future__ import annotations

import torch
from torch import Tensor

MIRROR, UPSIDE_DOWN, TRANSPOSE = 1, 2, 4
"""Each of the eight is a sum of some of these; they are done in this order."""
ELEMENTS = range(8)


def dihedral(images: Tensor, element: int) -> Tensor:
    """Lay squares on themselves in one of the eight ways.

    Args:
        images: (..., S, S), any dtype.
        element: 0, which changes nothing, to 7.

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
    """Undo `dihedral` of the same element."""
    check_square(images)
    if element & TRANSPOSE:
        images = images.transpose(-1, -2)
    if element & UPSIDE_DOWN:
        images = images.flip(-2)
    return images.flip(-1) if element & MIRROR else images


def dihedral_views(images: Tensor) -> Tensor:
    """All eight views of a batch, for test-time averaging: `undo_dihedral(model(dihedral_views(images))).mean(0)`.

    Args:
        images: (N, C, S, S), any dtype.

    Returns:
        (8 N, C, S, S): the batch as it is, then the batch in each other view.

    Raises:
        ValueError: the images are not square.
    """
    return torch.cat([dihedral(images, element) for element in ELEMENTS])


def undo_dihedral(logits: Tensor) -> Tensor:
    """Turn what a network says of `dihedral_views` back, so that each pixel's eight answers lie together.

    Args:
        logits: (8 N, C, S, S), in the order of the views; probabilities alike.

    Returns:
        (8, N, C, S, S).

    Raises:
        ValueError: the maps are not square, or their number is no multiple of 8.
    """
    if len(logits) % len(ELEMENTS):
        raise ValueError(f"{len(logits)} maps are not the 8 views of a batch, which dihedral_views makes")
    views = logits.unflatten(0, (len(ELEMENTS), -1))
    return torch.stack([inverse_dihedral(view, element) for element, view in zip(ELEMENTS, views, strict=True)])


def check_square(images: Tensor) -> None:
    """Refuse images that cannot be laid on themselves by a quarter turn.

    Raises:
        ValueError: names the sides.
    """
    height, width = images.shape[-2:]
    if height != width:
        raise ValueError(f"images of {height} x {width} px are not square: a quarter turn would change their shape")
