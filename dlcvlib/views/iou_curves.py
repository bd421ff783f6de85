"""Learning curves of a segmentation: loss and mean IoU over the epochs."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dlcvlib.runs import Run
from dlcvlib.views.display import Picture, plotly_picture
from dlcvlib.views.palette import SERIES_COLOURS
from dlcvlib.views.records import history_with, named_runs
from dlcvlib.views.style import style

COLUMNS = ("epoch", "train_loss", "val_loss", "mean_iou")


def iou_curves(runs: Run | Sequence[Run], labels: Sequence[str] = ()) -> Picture:
    """Draw loss and mean IoU of segmentations over their epochs: training dotted, validation solid.

    Args:
        runs: one record, or up to seven.
        labels: one for each run; by default the title of its recipe, with the seed where titles repeat.

    Raises:
        ValueError: no run or too many, another number of labels, or a history without the columns needed.
    """
    chosen, names = named_runs(runs, labels, len(SERIES_COLOURS))

    figure = make_subplots(1, 2, subplot_titles=("loss", "mean IoU"), horizontal_spacing=0.1)
    summary = []
    for run, name, colour in zip(chosen, names, SERIES_COLOURS, strict=False):
        history = history_with(run, COLUMNS)
        for column, dash, panel in (("train_loss", "dot", 1), ("val_loss", "solid", 1), ("mean_iou", "solid", 2)):
            line = go.Scatter(
                x=history["epoch"],
                y=history[column],
                name=name,
                legendgroup=name,
                showlegend=column == "mean_iou",
                mode="lines+markers" if len(history) == 1 else "lines",
                line={"color": colour, "dash": dash, "width": 2},
                hovertemplate=f"%{{y:.3f}} {column.replace('_', ' ')}, epoch %{{x}}",
            )
            figure.add_trace(line, row=1, col=panel)
        best, last = history.iloc[int(history["mean_iou"].argmax())], history.iloc[-1]
        summary.append(f"{name} reaches {best['mean_iou']:.3f} at epoch {best['epoch']:.0f} of {last['epoch']:.0f}.")
    figure.update_xaxes(title_text="epoch")
    figure.update_yaxes(rangemode="tozero")
    style(figure, 380, legend={"orientation": "h", "y": -0.22, "yanchor": "top"}, hovermode="x")
    caption = f"Learning curves: training dotted, validation solid. {' '.join(summary)}"
    return plotly_picture(
        figure, caption=caption, alt=f"Two line charts over epochs, loss and mean IoU. {' '.join(summary)}"
    )
