"""Bar chart of the number of images of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from dlcvlib.views.display import Picture, plotly_picture
from dlcvlib.views.palette import SERIES_COLOURS, names_of
from dlcvlib.views.style import style


def class_counts(labels: Mapping[str, np.ndarray], class_names: Sequence[str] = ()) -> Picture:
    """Draw the number of images of each class, with one bar for each split.

    Args:
        labels: for each split, such as "train" and "val", its class ids, integer (N,).
        class_names: by class id; empty to show the ids.

    Raises:
        ValueError: no split, a split without labels, too many splits, or too few class names.
    """
    ids = {split: np.asarray(values) for split, values in labels.items()}
    if not ids or any(values.size == 0 for values in ids.values()):
        raise ValueError(f"class counts need labels in every split, got { ({s: v.size for s, v in ids.items()}) }")
    if len(ids) > len(SERIES_COLOURS):
        raise ValueError(f"at most {len(SERIES_COLOURS)} splits can be distinguished, got {len(ids)}")
    count = max(len(class_names), *(int(values.max()) + 1 for values in ids.values()))
    names = names_of(list(class_names), count)
    figure, summary = go.Figure(), []
    for (split, values), colour in zip(ids.items(), SERIES_COLOURS, strict=False):
        counts = np.bincount(values, minlength=count)
        figure.add_trace(go.Bar(x=names, y=counts, name=split, marker_color=colour, hovertemplate="%{x}: %{y} images"))
        each = f"{counts.min()}" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"
        summary.append(f"{split}: {counts.sum()} images, {each} a class")
    size = 12 if count <= 20 else 9
    figure.update_xaxes(type="category", tickmode="linear", tickfont={"size": size}, title_text="class")
    figure.update_yaxes(title_text="images")
    style(figure, 340, barmode="group", legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    caption = f"Images of each of the {count} classes. {'; '.join(summary)}."
    return plotly_picture(figure, caption=caption, alt=f"Bar chart. {caption}")
