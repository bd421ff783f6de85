"""Prompted segmentation by SAM, or from given regions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from dlcvlib.sam.predictor import CachedPredictor
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
    """Return the masks of SAM for a prompt, highest score first: up to three for a single point, else one.

    Args:
        sam: loaded model.
        image: uint8 (3, H, W).
        points: (x, y) of each, in pixels from the upper left.
        labels: 1 for a foreground point, 0 for a background point.
        box: (x0, y0, x1, y1), or None or empty for none.

    Raises:
        ValueError: there is no prompt, a point or box lies outside of the image, or a label is neither 0 nor 1.
    """
    pixels = pixels_of(image)
    check_prompt(pixels.shape[:2], points, labels, box)
    predictor = CachedPredictor(sam)
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
    """Return the union of the given regions that match a prompt, or no region.

    A region matches if it holds a point of label 1, or if most of it lies in the box, unless it holds a point of
    label 0. Of overlapping regions the smallest counts.

    Raises:
        ValueError: see `prompted`.
    """
    painted = paint(regions)
    check_prompt(painted.shape, points, labels, box)
    at = [int(painted[int(y), int(x)]) for x, y in points]
    chosen = {region for region, label in zip(at, labels, strict=True) if label}
    if box:
        x0, y0, x1, y1 = (round(edge) for edge in box)
        inside = np.bincount(painted[y0:y1, x0:x1].ravel() + 1, minlength=len(regions) + 1)
        whole = np.bincount(painted.ravel() + 1, minlength=len(regions) + 1)
        chosen |= set(np.flatnonzero(2 * inside > whole) - 1)
    chosen -= {region for region, label in zip(at, labels, strict=True) if not label} | {-1}
    mask = np.isin(painted, sorted(chosen))
    return Regions.of_masks(mask[None], np.ones(1))


def check_prompt(size: tuple[int, ...], points: Points, labels: Sequence[int], box: Sequence[float] | None) -> None:
    """Check a prompt for an image of `size` (H, W).

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
