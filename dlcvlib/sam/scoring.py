"""Scores of regions without classes, as the course's IoU of a segmentation with one class per region.

Overlapping regions are painted into a label map, large before small, so that each pixel belongs to at most one region.
Each region then gets one class, the majority class of the truth or of a network's predictions. **Pixels that no region
covers count as Unknown.**
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dlcvlib.data.palette import CLASS_NAMES, UNKNOWN
from dlcvlib.metrics import IoU, course_iou
from dlcvlib.sam.regions import Regions

UNCOVERED = -1  # in a painted label map


def paint(regions: Regions) -> np.ndarray:
    """Return the index of the smallest region at each pixel, int32 (H, W), or `UNCOVERED`.

    Of regions of the same size the first counts.
    """
    painted = np.full(regions.masks.shape[1:], UNCOVERED, dtype=np.int32)
    for number in np.argsort(regions.areas, kind="stable")[::-1]:  # large to small; of equal ones the first comes last
        painted[regions.masks[number]] = number
    return painted


def majority(
    painted: np.ndarray, ids: Tensor | np.ndarray, elsewhere: Tensor | np.ndarray | int = UNKNOWN
) -> np.ndarray:
    """Return a label map with the majority class of each region; ties go to the lower id.

    Args:
        painted: integer (H, W), from `paint`.
        ids: class ids 0 to 6, integer (H, W).
        elsewhere: class of the pixels that no region covers, or a label map for them.

    Returns:
        uint8 (H, W).

    Raises:
        ValueError: the shapes differ, or an id is not a class.
    """
    classes = torch.as_tensor(ids).cpu().numpy()
    if classes.shape != painted.shape:
        raise ValueError(f"ids of shape {classes.shape} do not match regions of shape {painted.shape}")
    if classes.min() < 0 or classes.max() >= len(CLASS_NAMES):
        raise ValueError(f"ids range from {classes.min()} to {classes.max()}, outside of 0 to {len(CLASS_NAMES) - 1}")
    pairs = (painted.astype(np.int64) + 1) * len(CLASS_NAMES) + classes
    counts = np.bincount(pairs.ravel(), minlength=(painted.max() + 2) * len(CLASS_NAMES))
    winners = counts.reshape(-1, len(CLASS_NAMES)).argmax(axis=1)
    return np.where(painted == UNCOVERED, elsewhere, winners[painted + 1]).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class RegionScore:
    """Scores of the regions of some images; `+` pools the pixels of two.

    `upper`: each region has its majority class of the truth, which maximises pixel accuracy (not always mean IoU).
    `vote`: each region has the majority class of the network's predictions. `filled`: as `vote`, with the network's
    predictions for uncovered pixels. `network`: the network alone.
    """

    images: int
    regions: int
    pixels: int
    covered: int
    upper: IoU
    vote: IoU
    filled: IoU
    network: IoU

    def __add__(self, other: RegionScore) -> RegionScore:
        return RegionScore(
            self.images + other.images,
            self.regions + other.regions,
            self.pixels + other.pixels,
            self.covered + other.covered,
            self.upper + other.upper,
            self.vote + other.vote,
            self.filled + other.filled,
            self.network + other.network,
        )

    @property
    def coverage(self) -> float:
        """Fraction of the pixels covered by regions, in [0, 1]."""
        return self.covered / self.pixels

    @property
    def row(self) -> dict[str, float]:
        """Row of a table; IoUs are means over the classes that occur."""
        return {
            "images": self.images,
            "regions an image": round(self.regions / self.images),
            "coverage": self.coverage,
            "true vote": self.upper.mean_of_present,
            "network's vote": self.vote.mean_of_present,
            "vote, else network": self.filled.mean_of_present,
            "network alone": self.network.mean_of_present,
        }


def score(regions: Regions, truth: Tensor | np.ndarray, predicted: Tensor | np.ndarray) -> RegionScore:
    """Score the regions of one image.

    Args:
        regions: regions of the image.
        truth: class ids 0 to 6, integer (H, W).
        predicted: predictions of the network, as `truth`.

    Raises:
        ValueError: the shapes differ, or an id is not a class.
    """
    painted = paint(regions)
    truth, predicted = (torch.as_tensor(ids).cpu().numpy().astype(np.uint8) for ids in (truth, predicted))
    return RegionScore(
        images=1,
        regions=len(regions),
        pixels=painted.size,
        covered=int((painted != UNCOVERED).sum()),
        upper=course_iou(majority(painted, truth), truth),
        vote=course_iou(majority(painted, predicted), truth),
        filled=course_iou(majority(painted, predicted, elsewhere=predicted), truth),
        network=course_iou(predicted, truth),
    )
