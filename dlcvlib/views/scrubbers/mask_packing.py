"""Data of a MaskScrubber: the image files concatenated in one blob, and the measures as plain lists."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from operator import add

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dlcvlib.data import palette
from dlcvlib.metrics import IoU, course_iou
from dlcvlib.runs import Run
from dlcvlib.views.images import channels_last
from dlcvlib.views.records import history_with

Figures = list[list[float | None]]
PHOTO_SIDE = 256
"""Largest side of a displayed image, in pixels."""


@dataclass(frozen=True)
class Tile:
    """A validation image: `photo` uint8 (H, W, 3), `truth` uint8 (H', W')."""

    name: str
    photo: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True)
class Packed:
    """Files and measures; missing numbers are None.

    `data` concatenates the files, file i from `offsets[i]` to `offsets[i + 1]`: the photo of each tile, the true mask
    of each tile, then for each run, epoch and tile the file of the predicted mask.
    """

    data: bytes
    offsets: list[int]
    image_iou: list[Figures]
    """For each run, tile and epoch: mean IoU over the classes that occur in the tile."""
    wrong: list[Figures]
    """For each run, tile and epoch: share of wrong pixels."""
    class_iou: list[Figures]
    """For each run, land class and epoch: IoU over the pooled pixels of all tiles."""
    mean_iou: list[list[float | None]]
    """For each run and epoch: the course's mean IoU of all validation images, from the history."""


def tiles_of(
    images: Tensor | np.ndarray, masks: Tensor | np.ndarray, names: Sequence[str], chosen: Sequence[str]
) -> list[Tile]:
    """Select the images of a split whose names are `chosen`.

    Raises:
        ValueError: images, masks and names differ in number, or lack a chosen image.
    """
    if not len(images) == len(masks) == len(names):
        raise ValueError(f"{len(images)} images, {len(masks)} masks and {len(names)} names do not fit each other")
    rows = {name: row for row, name in enumerate(names)}
    if missing := [name for name in chosen if name not in rows]:
        raise ValueError(f"the record keeps masks of {', '.join(missing)}, which are not among the names given")
    return [_tile(name, images[rows[name]], masks[rows[name]]) for name in chosen]


def _tile(name: str, image: Tensor | np.ndarray, mask: Tensor | np.ndarray) -> Tile:
    truth = torch.as_tensor(mask).cpu().numpy()
    if truth.ndim != 2 or truth.size == 0:
        raise ValueError(f"the mask of {name} must be of shape (H, W), got {truth.shape}")
    if truth.min() < 0 or truth.max() > palette.UNKNOWN:
        raise ValueError(
            f"the mask of {name} holds class ids {truth.min()} to {truth.max()}, beyond 0 to {palette.UNKNOWN}"
        )
    return Tile(name, channels_last(torch.as_tensor(image)[None])[0], truth.astype(np.uint8))


def common_epochs(runs: Sequence[Run]) -> list[int]:
    """Epochs with a snapshot in every run, ascending.

    Raises:
        FileNotFoundError: a run has no snapshot yet.
        ValueError: the runs have no epoch in common.
    """
    for run in runs:
        if not run.snapshot_epochs:
            raise FileNotFoundError(f"{run.path / 'snapshots'} holds no snapshot yet: train further, then look again")
    common = set(runs[0].snapshot_epochs).intersection(*(run.snapshot_epochs for run in runs))
    if not common:
        listed = "; ".join(f"{run.path} has {run.snapshot_epochs}" for run in runs)
        raise ValueError(f"the records have no epoch in common: {listed}")
    return sorted(common)


def mask_names(runs: Sequence[Run], epoch: int) -> list[str]:
    """Names of the images whose masks are in the snapshots of `epoch`.

    Raises:
        FileNotFoundError: a run has no masks at `epoch`.
        ValueError: the runs have masks of different images.
    """
    listed = [list(run.mask_files(epoch)) for run in runs]
    for run, names in zip(runs, listed, strict=True):
        if names != listed[0]:
            raise ValueError(
                f"{run.path} keeps masks of {', '.join(names)}, but {runs[0].path} of {', '.join(listed[0])}: "
                "give `shown` the names of those that both keep"
            )
    return listed[0]


def pack(runs: Sequence[Run], epochs: Sequence[int], tiles: Sequence[Tile], *, full_size: bool = False) -> Packed:
    """Read and score the masks of the tiles at all epochs, and concatenate their files.

    Args:
        runs: segmentation runs.
        epochs: epochs with a snapshot in each run.
        tiles: result of `tiles_of`.
        full_size: False to reduce photos to `PHOTO_SIDE`.

    Raises:
        FileNotFoundError: no masks at an epoch.
        ValueError: an image is missing at an epoch, a file is unreadable, or a mask differs in size from the truth.
    """
    files = [_jpeg(tile.photo, full_size) for tile in tiles] + [palette.png(tile.truth) for tile in tiles]
    scores = [[[_score(run, epoch, tile, files) for tile in tiles] for epoch in epochs] for run in runs]
    return Packed(
        data=b"".join(files),
        offsets=[0, *accumulate(map(len, files))],
        image_iou=[_by_epoch([[score.mean_of_present for score in row] for row in rows]) for rows in scores],
        wrong=[_by_epoch([[_share_of_wrong(score) for score in row] for row in rows]) for rows in scores],
        class_iou=[_by_epoch([reduce(add, row).per_class for row in rows]) for rows in scores],
        mean_iou=[mean_iou(run, epochs) for run in runs],
    )


def _score(run: Run, epoch: int, tile: Tile, files: list[bytes]) -> IoU:
    """Score one predicted mask, and append its file to `files`."""
    listed = run.mask_files(epoch)
    if tile.name not in listed:
        raise ValueError(f"{run.path} has no mask of {tile.name} at epoch {epoch}, only of {', '.join(listed)}")
    predicted = palette.read_png(listed[tile.name])
    if predicted.shape != tile.truth.shape:
        raise ValueError(
            f"{listed[tile.name]} is of {_size(predicted)} pixels, but the true mask of {tile.name} of "
            f"{_size(tile.truth)}: give the masks that the record was validated on"
        )
    files.append(listed[tile.name].read_bytes())
    return course_iou(predicted, tile.truth)


def _size(mask: np.ndarray) -> str:
    return f"{mask.shape[1]} x {mask.shape[0]}"


def _share_of_wrong(score: IoU) -> float:
    return 1 - (score.confusion.trace() / score.confusion.sum()).item()


def mean_iou(run: Run, epochs: Sequence[int]) -> list[float | None]:
    """Return the course's mean IoU of each epoch; None for epochs without a row, such as 0."""
    if not (run.path / "history.csv").is_file():
        return [None] * len(epochs)
    history = history_with(run, ("epoch", "mean_iou"))
    values = dict(zip(history["epoch"], history["mean_iou"], strict=True))
    return [_number(values.get(epoch, math.nan)) for epoch in epochs]


def _by_epoch(rows: Sequence[Sequence[float]]) -> Figures:
    """Transpose: one list an epoch to one list a column."""
    return [[_number(value) for value in column] for column in zip(*rows, strict=True)]


def _number(value: float) -> float | None:
    """Replace nan, which JSON does not have, by None."""
    return None if math.isnan(value) else float(value)


def _jpeg(photo: np.ndarray, full_size: bool) -> bytes:
    image, file = Image.fromarray(np.ascontiguousarray(photo)), io.BytesIO()
    if not full_size:
        image.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
    image.save(file, "JPEG", quality=85, optimize=True)
    return file.getvalue()
