"""Masks as an ideal network with a stride predicts them, to see what the stride alone costs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from dlcvlib.data.palette import CLASS_NAMES


def through_a_grid(masks: Tensor, stride: int) -> Tensor:
    """Return masks drawn by way of a grid: the largest of the classes' shares in each cell, interpolated bilinearly.

    Args:
        masks: integer (N, H, W), class ids 0 to 6.
        stride: side of a cell in pixels; divides H and W.

    Returns:
        uint8 (N, H, W), class ids.
    """
    one_hot = functional.one_hot(masks.long(), len(CLASS_NAMES)).movedim(-1, 1)  # (N, 7, H, W)
    cells = functional.avg_pool2d(one_hot.float(), stride)  # (N, 7, H / stride, W / stride)
    scores = functional.interpolate(cells, masks.shape[-2:], mode="bilinear", align_corners=False)
    return scores.argmax(1).to(torch.uint8)
