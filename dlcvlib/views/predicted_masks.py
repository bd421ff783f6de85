"""Predicted masks of a segmentation at the first, middle and last epoch, beside the truth."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import torch
from torch import Tensor

from dlcvlib.data.palette import COLOURS
from dlcvlib.metrics import course_iou
from dlcvlib.runs import Run
from dlcvlib.views.display import Picture
from dlcvlib.views.images import cell, channels_last, mask_legend
from dlcvlib.views.records import title_of

SIDE = 150
"""Width of a picture on the screen, in pixels."""


def predicted_masks(
    run: Run,
    images: Tensor | np.ndarray,
    masks: Tensor | np.ndarray,
    names: Sequence[str],
    *,
    epochs: Sequence[int] | None = None,
    only: Sequence[str] = (),
) -> Picture:
    """Show image, true mask and predictions in a row for each image whose masks are in the record.

    Args:
        run: a segmentation record.
        images: uint8 (N, 3, H, W), the whole validation split.
        masks: integer (N, H, W), class ids 0 to 6.
        names: of the images, such as "0013".
        epochs: epochs with a snapshot; None for the first, the middle and the last.
        only: names of images in the record; empty for all.

    Raises:
        FileNotFoundError: the record has no masks of an epoch.
        ValueError: images, masks and names differ in number or lack an image to show, or the record has masks of none
            of `only`.
    """
    if not len(images) == len(masks) == len(names):
        raise ValueError(f"{len(images)} images, {len(masks)} masks and {len(names)} names do not fit each other")
    chosen = list(run.first_middle_last() if epochs is None else epochs)
    predicted = {epoch: run.masks(epoch) for epoch in chosen}
    shown = [name for name in predicted[chosen[-1]] if not only or name in only]
    if not shown:
        raise ValueError(f"{run.path} keeps masks of {', '.join(predicted[chosen[-1]])}, none of {', '.join(only)}")
    missing = [name for name in shown if name not in names]
    if missing:
        raise ValueError(f"{run.path} keeps masks of {', '.join(missing)}, which are not among the names given")
    lines, scores_text = [], []
    for name in shown:
        row = list(names).index(name)
        truth = torch.as_tensor(masks[row]).to(torch.uint8)
        scores = [_score(predicted[epoch][name], truth) for epoch in chosen]
        cells = [
            cell(
                channels_last(torch.as_tensor(images[row])[None])[0], name, f"{name}, satellite image", SIDE, lossy=True
            ),
            cell(coloured(truth.numpy()), "truth", f"{name}, true mask", SIDE),
            *(
                cell(coloured(predicted[epoch][name]), f"epoch {epoch}: {score:.2f}", f"{name}, epoch {epoch}", SIDE)
                for epoch, score in zip(chosen, scores, strict=True)
            ),
        ]
        lines.append(line_of(cells))
        scores_text.append(f"{name} {', '.join(f'{score:.2f}' for score in scores)}")
    caption = (
        f"{title_of(run)}: image, true mask, and the masks predicted at the epochs {', '.join(map(str, chosen))}. "
        "Below each the mean IoU of that image alone, over the classes that occur in it; the course pools all images."
    )
    alt = f"Satellite images, their masks and predictions. IoU by epoch: {'; '.join(scores_text)}."
    body = f'<div role="group" aria-label="{escape(alt)}">\n{"".join(lines)}{mask_legend()}\n</div>'
    return Picture(body, caption, alt)


def _score(predicted: np.ndarray, truth: Tensor) -> float:
    return course_iou(torch.from_numpy(predicted), truth).mean_of_present


def coloured(ids: np.ndarray) -> np.ndarray:
    """Convert class ids (H, W) to the course's colours, uint8 (H, W, 3)."""
    return COLOURS[ids]


def line_of(cells: list[str]) -> str:
    """HTML of the cells of one image in a row."""
    look = f"display: grid; grid-template-columns: repeat({len(cells)}, minmax(0, {SIDE}px)); gap: 6px"
    return f'<div style="{look}; margin-bottom: 8px">{"".join(cells)}</div>'
