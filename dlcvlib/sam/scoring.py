"""What regions without classes are worth for a segmentation with classes.

Regions overlap, so they are first painted, the large before the small, into a label map in which every pixel belongs to
one region at most. Then each region is given one class, by the truth or by a network's vote, and the course's IoU says
how good that is. **A pixel that no region covers counts as Unknown** in both, and so as missed wherever there is land.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dlcvlib.data.palette import CLASS_NAMES, UNKNOWN
from dlcvlib.metrics import IoU, course_iou
from dlcvlib.sam.regions import Regions

UNCOVERED = -1
"""In a painted label map."""


def paint(regions: Regions) -> np.ndarray:
    """Number of the smallest region that covers each pixel, int32 (H, W), or `UNCOVERED`.

    Of two of the same size the earlier one wins.
    """
    painted = np.full(regions.masks.shape[1:], UNCOVERED, dtype=np.int32)
    large_to_small = np.argsort(regions.areas[::-1], kind="stable")[::-1]
    for number in len(regions) - 1 - large_to_small:
        painted[regions.masks[number]] = number
    return painted


def majority(
    painted: np.ndarray, ids: Tensor | np.ndarray, elsewhere: Tensor | np.ndarray | int = UNKNOWN
) -> np.ndarray:
    """Every region in the class that most of its pixels have; of two as frequent, the one of the lower id.

    Args:
        painted: integer (H, W), as `paint` returns it.
        ids: class ids 0 to 6, integer (H, W).
        elsewhere: class of the pixels that no region covers, or a label map of which they keep theirs.

    Returns:
        uint8 (H, W).

    Raises:
        ValueError: the shapes differ, or an id is no class.
    """
    classes = torch.as_tensor(ids).cpu().numpy()
    if classes.shape != painted.shape:
        raise ValueError(f"ids of shape {classes.shape} do not fit regions painted on {painted.shape}")
    if classes.min() < 0 or classes.max() >= len(CLASS_NAMES):
        raise ValueError(f"ids go from {classes.min()} to {classes.max()}, outside of 0 to {len(CLASS_NAMES) - 1}")
    pairs = (painted.astype(np.int64) + 1) * len(CLASS_NAMES) + classes
    counts = np.bincount(pairs.ravel(), minlength=(painted.max() + 2) * len(CLASS_NAMES))
    winners = counts.reshape(-1, len(CLASS_NAMES)).argmax(axis=1)
    return np.where(painted == UNCOVERED, elsewhere, winners[painted + 1]).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class RegionScore:
    """What the regions of some images are worth; `+` pools the pixels of two, as the course does.

    `upper` gives every region its majority class of the truth. No other choice of a class for each region has more
    pixels right; a higher mean IoU is possible in principle, where a rare class takes regions that it does not fill.
    `vote` gives it the majority of the network's predictions; `filled` does, and leaves the pixels that no region
    covers to the network; `network` is the network alone.
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
        """Share of the pixels that some region covers, in [0, 1]."""
        return self.covered / self.pixels

    @property
    def row(self) -> dict[str, float]:
        """A row of a table; means are over the classes that occur, which are all where there are enough images."""
        return {
            "images": self.images,
            "regions an image": round(self.regions / self.images),
            "coverage": self.coverage,
            "upper bound": self.upper.mean_of_present,
            "network's vote": self.vote.mean_of_present,
            "vote, else network": self.filled.mean_of_present,
            "network alone": self.network.mean_of_present,
        }


def score(regions: Regions, truth: Tensor | np.ndarray, predicted: Tensor | np.ndarray) -> RegionScore:
    """Score the regions of one image.

    Args:
        regions: of the image.
        truth: class ids 0 to 6, integer (H, W).
        predicted: the network's, as `truth`.

    Raises:
        ValueError: the shapes differ, or an id is no class.
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
