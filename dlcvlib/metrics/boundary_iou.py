"""Boundary IoU: IoU of the pixels near a region's boundary.

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
    """Return the IoU of the pixels within `width` of a boundary, pooled over all images.

    The band of a class holds its pixels with another class or the image border at most `width` rows and columns away,
    as in the paper's code. The paper's width is 2 % of the image diagonal: 15 px at 512 x 512.

    Args:
        pred: class ids 0 to 6, any integer dtype, on any device, (..., H, W).
        target: as `pred`, of the same shape.
        width: width of the band in pixels, at least 1.

    Returns:
        IoU of the bands. Pixels outside of them count as Unknown, so `without_unknown` has no meaning here.

    Raises:
        ValueError: see `course_iou`, or `width` is less than 1.
    """
    if width < 1:
        raise ValueError(f"width={width} must be at least 1 pixel")
    pred, target = label_maps(pred, target)
    total = torch.zeros(SIDE, SIDE, dtype=torch.int64, device=pred.device)
    for one_pred, one_target in zip(_images(pred), _images(target), strict=True):  # one at a time, to save memory
        total += count_pairs(_band_only(one_pred, width), _band_only(one_target, width))
    return IoU(total)


def _images(ids: Tensor) -> Tensor:
    """Reshape (..., H, W) to (N, H, W)."""
    return ids.reshape(-1, *ids.shape[-2:])


def _band_only(ids: Tensor, width: int) -> Tensor:
    """Set each pixel of a map (H, W) to Unknown whose (2 width + 1)² window holds one class only."""
    padded = functional.pad(ids, [width] * 4, value=OUTSIDE)
    side = 2 * width + 1
    uniform = _over_windows(padded, side, torch.maximum) == _over_windows(padded, side, torch.minimum)
    is_class = (ids >= 0) & (ids < NUM_CLASSES)  # other ids must stay visible to the count
    return ids.masked_fill(uniform & is_class, UNKNOWN)


def _over_windows(values: Tensor, side: int, larger_or_smaller: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Return the maximum or minimum of each window, (H, W) to (H - side + 1, W - side + 1), by doubling the window."""
    for axis in (0, 1):
        covered = 1
        while covered < side:
            step = min(covered, side - covered)
            length = values.shape[axis] - step
            values = larger_or_smaller(values.narrow(axis, 0, length), values.narrow(axis, step, length))
            covered += step
    return values
