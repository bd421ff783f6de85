"""The course's mean IoU: the mean over the six land classes, from the pooled pixels of all images.

Unknown has no IoU of its own, but its pixels are not ignored: a land class predicted on them is a false positive, and
Unknown predicted on land a false negative. Libraries' defaults differ: they average over images or batches, count an
absent class as 1, or ignore Unknown pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from dlcvlib.data.palette import CLASS_NAMES, UNKNOWN
from dlcvlib.metrics.pixel_pairs import NUM_CLASSES, OUTSIDE, count_pairs

LAND_CLASSES = CLASS_NAMES[:UNKNOWN]


@dataclass(frozen=True, eq=False)
class IoU:
    """Intersection over union of the six land classes; `+` pools the pixels of two.

    Adding does not synchronise the device. Reading a value does, and raises a ValueError for an invalid class id.
    """

    table: Tensor
    """int64 (8, 8), see `count_pairs`."""

    def __add__(self, other: IoU) -> IoU:
        return IoU(self.table + other.table.to(self.table.device, non_blocking=True))

    @property
    def confusion(self) -> Tensor:
        """Number of pixels of class t predicted as class p, int64 (7, 7), entry (t, p)."""
        for name, outside in (("target", self.table[OUTSIDE].sum()), ("pred", self.table[:, OUTSIDE].sum())):
            if outside:
                raise ValueError(f"{name} holds {outside} pixels whose class id lies outside 0 to {NUM_CLASSES - 1}")
        return self.table[:NUM_CLASSES, :NUM_CLASSES]

    @property
    def per_class(self) -> tuple[float, ...]:
        """TP / (|pred = i| + |target = i| - TP) of classes 0 to 5; nan (0 / 0) for those in `absent`."""
        return tuple(self._scores().tolist())

    @property
    def absent(self) -> tuple[str, ...]:
        """Names of the classes without a pixel in either map; with any, `mean` is nan as in the course's script."""
        return tuple(name for name, score in zip(LAND_CLASSES, self._scores(), strict=True) if score.isnan())

    @property
    def mean(self) -> float:
        """Mean over all six classes, the course's score; nan if a class is in `absent`."""
        return self._scores().mean().item()

    @property
    def mean_of_present(self) -> float:
        """Mean over the classes that are not in `absent`; nan only if all are."""
        return self._scores().nanmean().item()

    @property
    def without_unknown(self) -> IoU:
        """IoU without the target's Unknown pixels, as in many papers; it is never lower in any class."""
        table = self.table.clone()
        table[UNKNOWN] = 0
        return IoU(table)

    def _scores(self) -> Tensor:
        """Return IoUs, float64 (6,), computed on the CPU for equal results on all devices."""
        confusion = self.confusion.cpu()
        hits, union = confusion.diagonal(), confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
        return hits[:UNKNOWN].double() / union[:UNKNOWN]

    def __repr__(self) -> str:
        scores = ", ".join(f"{name} {score:.4f}" for name, score in zip(LAND_CLASSES, self.per_class, strict=True))
        absent = f"; absent: {', '.join(self.absent)}" if self.absent else ""
        return f"IoU(mean {self.mean:.4f}: {scores}{absent})"


def course_iou(pred: Tensor | np.ndarray, target: Tensor | np.ndarray) -> IoU:
    """Return the course's IoU of predicted label maps; the results of several batches can be added.

    Source: the course's `mean_iou_evaluate.py`.

    Args:
        pred: class ids 0 to 6, any integer dtype, on any device, (..., H, W); uint8 is fastest.
        target: as `pred`, of the same shape.

    Raises:
        ValueError: a dtype is not integer, the shapes differ, or an id lies outside 0 to 6 (on a
            device only when a value is read).
    """
    return IoU(count_pairs(pred, target))


def area_share(target: Tensor | np.ndarray) -> Tensor:
    """Fraction of the pixels of each class.

    Args:
        target: class ids 0 to 6, any integer dtype, (..., H, W).

    Returns:
        float64 (7,) on the CPU, of sum 1.

    Raises:
        ValueError: see `course_iou`, or there is no pixel.
    """
    counts = course_iou(target, target).confusion.diagonal().cpu()
    if not counts.any():
        raise ValueError(f"target of shape {tuple(target.shape)} holds no pixel")
    return counts.double() / counts.sum()
