"""Boundary IoU: IoU of the pixels near a region's edge, which a large region's inside cannot drown.

Cheng et al., Boundary IoU: Improving Object-Centric Image Segmentation Evaluation, CVPR 2021, equation 2,
https://arxiv.org/abs/2103.16562.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dlcvlib.data.palette import UNKNOWN
from dlcvlib.metrics.course_iou import IoU
from dlcvlib.metrics.pixel_pairs import NUM_CLASSES, OUTSIDE, SIDE, count_pairs, label_maps


def boundary_iou(pred: Tensor | np.ndarray, target: Tensor | np.ndarray, width: int) -> IoU:
    """Score predicted label maps by the pixels within `width` of an edge, pooled as the course pools.

    A class's edge band in a map is its own pixels with another class, or the image's end, at most `width` rows and
    columns away, as in the paper's program. The paper takes 2 % of the image's diagonal: 15 of 512 x 512 pixels.

    Args:
        pred: class ids 0 to 6, any integer dtype, on any device, (..., H, W).
        target: as `pred`, of the same shape.
        width: of the band in pixels, at least 1.

    Returns:
        IoU of the bands. A pixel inside a region is counted as Unknown there: `without_unknown` has no meaning here.

    Raises:
        ValueError: as `course_iou`, or `width` is less than 1.
    """
    if width < 1:
        raise ValueError(f"width={width} must be at least 1 pixel")
    pred, target = label_maps(pred, target)
    total = torch.zeros(SIDE, SIDE, dtype=torch.int64, device=pred.device)
    for one_pred, one_target in zip(_images(pred), _images(target), strict=True):  # a band takes much memory
        total += count_pairs(_band_only(one_pred, width), _band_only(one_target, width))
    return IoU(total)


def _images(ids: Tensor) -> Tensor:
    """(..., H, W) to (N, H, W)."""
    return ids.reshape(-1, *ids.shape[-2:])


def _band_only(ids: Tensor, width: int) -> Tensor:
    """The map (H, W) with Unknown for each pixel about which all of a (2 width + 1)² window is of its class."""
    padded = functional.pad(ids, [width] * 4, value=OUTSIDE)
    side = 2 * width + 1
    uniform = _over_windows(padded, side, torch.maximum) == _over_windows(padded, side, torch.minimum)
    is_class = (ids >= 0) & (ids < NUM_CLASSES)  # no other id may be hidden from the count
    return ids.masked_fill(uniform & is_class, UNKNOWN)


def _over_windows(values: Tensor, side: int, larger_or_smaller: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Largest or smallest value of each window, (H, W) to (H - side + 1, W - side + 1); windows grow by doubling."""
    for axis in (0, 1):
        covered = 1
        while covered < side:
            step = min(covered, side - covered)
            length = values.shape[axis] - step
            values = larger_or_smaller(values.narrow(axis, 0, length), values.narrow(axis, step, length))
            covered += step
    return values
