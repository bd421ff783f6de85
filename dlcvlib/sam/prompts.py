"""What lies where someone points: by SAM, or by whatever regions there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from dlcvlib.sam.predictor import KeptPredictor
from dlcvlib.sam.regions import Regions, pixels_of
from dlcvlib.sam.scoring import paint
from dlcvlib.sam.weights import LoadedSam

Points = Sequence[Sequence[float]]


def prompted(
    sam: LoadedSam,
    image: Tensor | np.ndarray,
    points: Points = (),
    labels: Sequence[int] = (),
    box: Sequence[float] | None = None,
) -> Regions:
    """The masks that SAM answers a prompt with, the one it holds best first.

    A single point may mean a thing or a part of it, so there are up to three answers to it; to any other prompt one.

    Args:
        sam: the model.
        image: uint8 (3, H, W).
        points: (x, y) of each, in pixels from the upper left.
        labels: 1 where a point belongs to what is meant, 0 where it does not.
        box: (x0, y0, x1, y1) around what is meant, or None or empty for none.

    Raises:
        ValueError: there is no prompt, one lies outside of the image, or a label is neither 0 nor 1.
    """
    pixels = pixels_of(image)
    check_prompt(pixels.shape[:2], points, labels, box)
    predictor = KeptPredictor(sam)
    predictor.set_image(pixels)
    masks, scores, _ = predictor.predict(
        point_coords=np.array(points, dtype=np.float64) if len(points) else None,
        point_labels=np.array(labels) if len(points) else None,
        box=np.array(box, dtype=np.float64) if box else None,
        multimask_output=len(points) == 1 and not box,
    )
    best_first = np.argsort(-scores, kind="stable")
    return Regions.of_masks(masks[best_first], scores[best_first])


def regions_under(
    regions: Regions, points: Points = (), labels: Sequence[int] = (), box: Sequence[float] | None = None
) -> Regions:
    """The same question asked of regions that know of no prompt: their union, or nothing.

    A region counts if a point of label 1 lies in it, or most of it in the box, unless a point of label 0 lies in it.
    Where regions overlap, the smallest is meant.

    Raises:
        ValueError: as `prompted`.
    """
    painted = paint(regions)
    check_prompt(painted.shape, points, labels, box)
    at = [int(painted[int(y), int(x)]) for x, y in points]
    meant = {region for region, label in zip(at, labels, strict=True) if label}
    if box:
        x0, y0, x1, y1 = (round(edge) for edge in box)
        inside = np.bincount(painted[y0:y1, x0:x1].ravel() + 1, minlength=len(regions) + 1)
        whole = np.bincount(painted.ravel() + 1, minlength=len(regions) + 1)
        meant |= set(np.flatnonzero(2 * inside > whole) - 1)
    meant -= {region for region, label in zip(at, labels, strict=True) if not label} | {-1}
    mask = np.isin(painted, sorted(meant))
    return Regions.of_masks(mask[None], np.ones(1))


def check_prompt(size: tuple[int, ...], points: Points, labels: Sequence[int], box: Sequence[float] | None) -> None:
    """Make certain that a prompt asks something about an image of `size` (H, W).

    Raises:
        ValueError: see `prompted`.
    """
    height, width = size
    if not len(points) and not box:
        raise ValueError("there is no prompt: give a point or a box")
    if len(points) != len(labels) or not set(labels) <= {0, 1}:
        raise ValueError(f"{len(points)} points need as many labels of 0 or 1, got {list(labels)}")
    for x, y in points:
        if not (0 <= x < width and 0 <= y < height):
            raise ValueError(f"point ({x}, {y}) lies outside of the image of {width} x {height} pixels")
    if box:
        x0, y0, x1, y1 = box
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise ValueError(f"box {tuple(box)} must be x0 < x1, y0 < y1 within {width} x {height} pixels")
