"""Confusion matrix of a classification."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from dlcvlib.metrics import confusion_matrix
from dlcvlib.runs import Run
from dlcvlib.views.display import Picture, plotly_picture
from dlcvlib.views.palette import SHADES, names_of
from dlcvlib.views.records import snapshot_with, title_of
from dlcvlib.views.style import style


def confusion(run: Run, epoch: int | None = None, class_names: Sequence[str] = ()) -> Picture:
    """Draw the confusion matrix of a snapshot: one row a true class, one column a predicted class.

    Args:
        run: a classification record.
        epoch: an epoch with a snapshot; None for the last.
        class_names: by class id; empty to show the ids.

    Raises:
        FileNotFoundError: no snapshot of this epoch.
        ValueError: a snapshot without predictions, or too few class names.
    """
    epoch, snapshot = snapshot_with(run, epoch, ("labels", "predicted"))
    labels, predicted = snapshot["labels"], snapshot["predicted"]
    count = max(len(class_names), int(max(labels.max(), predicted.max())) + 1)
    names = names_of(list(class_names), count)
    matrix = confusion_matrix(predicted, labels, count).numpy()

    figure = go.Figure(
        go.Heatmap(
            z=matrix,
            x=names,
            y=names,
            coloraxis="coloraxis",
            xgap=1 if count <= 20 else 0,
            ygap=1 if count <= 20 else 0,
            hovertemplate="%{y} predicted as %{x}: %{z} images<extra></extra>",
        )
    )
    size = 12 if count <= 20 else 9
    ticks = {
        "type": "category",
        "tickmode": "linear",
        "tickfont": {"size": size},
        "showgrid": False,
        "constrain": "domain",
    }
    figure.update_xaxes(title_text="predicted", tickangle=-90 if count > 10 else 0, **ticks)
    figure.update_yaxes(title_text="true", autorange="reversed", scaleanchor="x", **ticks)
    figure.update_layout(coloraxis={"colorscale": SHADES, "colorbar": {"title": {"text": "images"}, "thickness": 12}})
    style(figure, int(np.clip(160 + 12.5 * count, 460, 900)))

    right, total = int(np.trace(matrix)), int(matrix.sum())
    caption = (
        f"Confusion matrix of {title_of(run)} after epoch {epoch}: {right} of {total} images right "
        f"({right / total:.3f}). {_worst_pairs(matrix, names)}"
    )
    alt = f"Square of {count} by {count} cells, the darker the more images; the diagonal holds the correct ones."
    return plotly_picture(figure, caption=caption, alt=f"{alt} {_worst_pairs(matrix, names)}")


def _worst_pairs(matrix: np.ndarray, names: list[str], count: int = 3) -> str:
    """The largest off-diagonal entries in words."""
    off = matrix * (1 - np.eye(len(matrix), dtype=matrix.dtype))
    indices = np.argsort(-off, axis=None, kind="stable")[:count]
    pairs = [np.unravel_index(index, off.shape) for index in indices if off.flat[index] > 0]
    if not pairs:
        return "No class is confused with another."
    return "Most often it confuses " + ", ".join(f"{names[t]} with {names[p]} ({off[t, p]})" for t, p in pairs) + "."
