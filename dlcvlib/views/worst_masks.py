"""Images of the lowest IoU, and the confusion matrix of all pixels."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from dlcvlib.data.palette import CLASS_NAMES
from dlcvlib.metrics import IoU, course_iou
from dlcvlib.runs import Run
from dlcvlib.views.display import Picture, plotly_picture
from dlcvlib.views.images import cell, channels_last, mask_legend
from dlcvlib.views.palette import OPAQUE_SHADES, RIGHT, WRONG
from dlcvlib.views.predicted_masks import SIDE, coloured, line_of
from dlcvlib.views.records import title_of
from dlcvlib.views.style import style


def worst_masks(
    run: Run, images: Tensor | np.ndarray, masks: Tensor | np.ndarray, names: Sequence[str], *, count: int = 4
) -> Picture:
    """Show the validation images of the lowest mean IoU at the best epoch: image, truth, prediction, and the errors.

    An image's mean is over the classes that occur in it or in its prediction.

    Args:
        run: a finished segmentation record.
        images: uint8 (N, 3, H, W), the whole validation split.
        masks: integer (N, H, W), class ids 0 to 6.
        names: of the images, such as "0013".
        count: number of images at most.

    Raises:
        FileNotFoundError: the record has no masks of its best epoch.
        ValueError: images, masks and names differ in number, or are not those of the record.
    """
    if not len(images) == len(masks) == len(names):
        raise ValueError(f"{len(images)} images, {len(masks)} masks and {len(names)} names do not fit each other")
    truths, predicted = torch.as_tensor(masks).to(torch.uint8), _predicted(run, masks, names)
    scored = [course_iou(one, truth) for one, truth in zip(predicted, truths, strict=True)]
    worst = sorted(range(len(names)), key=lambda row: scored[row].mean_of_present)[:count]
    lines, summary = [], []
    for row in worst:
        name, score, mistake = names[row], scored[row].mean_of_present, _largest_mistake(scored[row])
        wrong = (predicted[row] != truths[row]).numpy()
        errors = np.where(wrong[..., None], WRONG, RIGHT).astype(np.uint8)
        image = channels_last(torch.as_tensor(images[row])[None])[0]
        cells = [
            cell(image, name, f"{name}, satellite image", SIDE, lossy=True),
            cell(coloured(truths[row].numpy()), "truth", f"{name}, true mask", SIDE),
            cell(coloured(predicted[row].numpy()), f"predicted: {score:.2f}", f"{name}, predicted mask", SIDE),
            cell(errors, f"wrong: {wrong.mean():.0%}. {mistake}", f"{name}, wrong pixels", SIDE),
        ]
        lines.append(line_of(cells))
        summary.append(f"{name} ({score:.2f}; {mistake})")
    caption = (
        f"{title_of(run)}, epoch {run.info['best']['epoch']}: the {len(worst)} of {len(names)} validation images with "
        "the lowest mean IoU, over the classes that occur in each; below the last picture, its most frequent mistake."
    )
    alt = f"Satellite images, masks, predictions and errors: {', '.join(summary)}."
    body = f'<div role="group" aria-label="{escape(alt)}">\n{"".join(lines)}{mask_legend()}\n</div>'
    return Picture(body, caption, alt)


def pixel_confusion(run: Run, masks: Tensor | np.ndarray, names: Sequence[str]) -> Picture:
    """Draw the confusion matrix of the pixels at the best epoch, each row as shares of a true class.

    Args:
        run: a finished segmentation record.
        masks: integer (N, H, W), class ids 0 to 6, of the whole validation split.
        names: of its images, such as "0013".

    Raises:
        FileNotFoundError, ValueError: as `worst_masks`.
    """
    iou = course_iou(_predicted(run, masks, names), torch.as_tensor(masks).to(torch.uint8))
    counts = iou.confusion.double()
    shares = (counts / counts.sum(1, keepdim=True)).numpy()
    classes = list(CLASS_NAMES)
    shown = np.round(shares, 4).astype(object)
    shown[np.isnan(shares)] = None
    figure = go.Figure(
        go.Heatmap(
            z=shown,
            x=classes,
            y=classes,
            zmin=0,
            zmax=1,
            colorscale=OPAQUE_SHADES,
            xgap=1,
            ygap=1,
            texttemplate="%{z:.2f}",
            textfont={"color": "black"},
            colorbar={"title": {"text": "share"}, "thickness": 12},
            hovertemplate="%{z:.1%} of %{y} predicted as %{x}<extra></extra>",
        )
    )
    ticks = {"type": "category", "tickmode": "linear", "showgrid": False, "constrain": "domain"}
    figure.update_xaxes(title_text="predicted", **ticks)
    figure.update_yaxes(title_text="true", autorange="reversed", scaleanchor="x", **ticks)
    style(figure, 480)
    summary = (
        f"{title_of(run)}, epoch {run.info['best']['epoch']}, mean IoU {iou.mean_of_present:.3f}: what the pixels of "
        f"each class are predicted as. {_worst_shares(shares)}"
    )
    return plotly_picture(
        figure,
        caption=f"{summary} Each row sums to 1.",
        alt=f"Square of 7 by 7 cells, the darker the larger. {summary}",
    )


def _predicted(run: Run, masks: Tensor | np.ndarray, names: Sequence[str]) -> Tensor:
    """Predicted masks of the best epoch, uint8 (N, H, W), in the order of `names`."""
    found = run.best_masks()
    if set(found) != set(names):
        raise ValueError(
            f"{run.path} keeps masks of {len(found)} images, from {min(found)} to {max(found)}, but the "
            f"{len(names)} names given are others: give the whole validation split that it was trained with"
        )
    predicted = torch.from_numpy(np.stack([found[name] for name in names]))
    if predicted.shape != masks.shape:
        raise ValueError(f"{run.path} keeps masks of shape {tuple(predicted.shape)}, given were {tuple(masks.shape)}")
    return predicted


def _largest_mistake(iou: IoU) -> str:
    """The most frequent mistake of one image, in words."""
    wrong = iou.confusion.clone().fill_diagonal_(0)
    if not wrong.any():
        return "no pixel wrong"
    truth, predicted = divmod(int(wrong.argmax()), len(CLASS_NAMES))
    return f"{CLASS_NAMES[truth]} confused with {CLASS_NAMES[predicted]}"


def _worst_shares(shares: np.ndarray, count: int = 3) -> str:
    """The largest off-diagonal shares, in words."""
    off = np.nan_to_num(shares) * (1 - np.eye(len(shares)))
    indices = [np.unravel_index(index, off.shape) for index in np.argsort(-off, axis=None, kind="stable")[:count]]
    pairs = [f"{CLASS_NAMES[t]} with {CLASS_NAMES[p]} ({off[t, p]:.0%})" for t, p in indices if off[t, p] > 0]
    return f"Most often it confuses {', '.join(pairs)}." if pairs else "No class is confused with another."
