"""Regions of an image without classes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Regions:
    """Masks, possibly overlapping, that need not cover the image.

    `masks` bool (N, H, W), none empty; `scores` float32 (N,): the IoU predicted by SAM, or 1 for other proposals.
    """

    masks: np.ndarray
    scores: np.ndarray

    def __post_init__(self) -> None:
        if self.masks.dtype != bool or self.masks.ndim != 3 or self.scores.shape != self.masks.shape[:1]:
            raise ValueError(
                f"masks must be bool (N, H, W) with one score each, got {self.masks.dtype} {self.masks.shape} and "
                f"scores {self.scores.shape}"
            )
        if not self.masks.any(axis=(1, 2)).all():
            raise ValueError("a mask is empty: leave it out")

    def __len__(self) -> int:
        return len(self.masks)

    @property
    def areas(self) -> np.ndarray:
        """Number of pixels of each region, int64 (N,)."""
        return self.masks.sum(axis=(1, 2), dtype=np.int64)

    @staticmethod
    def of_labels(labels: np.ndarray) -> Regions:
        """Return one region per value >= 0 of a label map, integer (H, W), in ascending order."""
        values = np.unique(labels[labels >= 0])
        return Regions(labels == values[:, None, None], np.ones(len(values), dtype=np.float32))

    @staticmethod
    def of_masks(masks: np.ndarray, scores: np.ndarray) -> Regions:
        """Return the regions of the masks (N, H, W) that are not empty."""
        masks = np.asarray(masks, dtype=bool)
        held = masks.any(axis=(1, 2))
        return Regions(masks[held], np.asarray(scores, dtype=np.float32)[held])

    def packed(self) -> dict[str, np.ndarray]:
        """Pack into arrays for a file, one bit per pixel."""
        return {"bits": np.packbits(self.masks), "shape": np.array(self.masks.shape), "scores": self.scores}

    @staticmethod
    def unpacked(arrays: dict[str, np.ndarray]) -> Regions:
        """Invert `packed`."""
        shape = tuple(int(length) for length in arrays["shape"])
        bits = np.unpackbits(arrays["bits"], count=math.prod(shape))
        return Regions(bits.astype(bool).reshape(shape), arrays["scores"])


def pixels_of(image: Tensor | np.ndarray) -> np.ndarray:
    """Convert an image uint8 (3, H, W) to uint8 (H, W, 3), as SAM and scikit-image expect.

    Raises:
        ValueError: another dtype or shape.
    """
    values = image.cpu().numpy() if isinstance(image, Tensor) else np.asarray(image)
    if values.dtype != np.uint8 or values.ndim != 3 or values.shape[0] != 3 or values.size == 0:
        raise ValueError(f"image must be uint8 (3, H, W), got {values.dtype} {values.shape}")
    return np.ascontiguousarray(values.transpose(1, 2, 0))
