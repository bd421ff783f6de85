"""Learning curves of a classification: loss and accuracy over the epochs."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dlcvlib.runs import Run
from dlcvlib.views.display import Picture, plotly_picture
from dlcvlib.views.palette import SERIES_COLOURS
from dlcvlib.views.records import history_with, named_runs
from dlcvlib.views.style import style

COLUMNS = ("epoch", "train_loss", "val_loss", "train_accuracy", "val_accuracy")


def curves(runs: Run | Sequence[Run], labels: Sequence[str] = ()) -> Picture:
    """Draw loss and accuracy of one or several runs over their epochs: training dotted, validation solid.

    A ring marks the epoch of the best validation accuracy.

    Args:
        runs: one record, or up to seven.
        labels: one for each run; by default the title of its recipe, with the seed where titles repeat.

    Raises:
        ValueError: no run or too many, another number of labels, or a history without the columns needed.
    """
    chosen, names = named_runs(runs, labels, len(SERIES_COLOURS))

    figure = make_subplots(1, 2, subplot_titles=("loss", "accuracy"), horizontal_spacing=0.1)
    summary = []
    for run, name, colour in zip(chosen, names, SERIES_COLOURS, strict=False):
        history = history_with(run, COLUMNS)
        for column, measure in ((1, "loss"), (2, "accuracy")):
            for part, part_name, dash in (("train", "training", "dot"), ("val", "validation", "solid")):
                line = go.Scatter(
                    x=history["epoch"],
                    y=history[f"{part}_{measure}"],
                    name=part_name if len(chosen) == 1 else name,
                    legendgroup=part if len(chosen) == 1 else name,
                    showlegend=column == 1 and (part == "val" or len(chosen) == 1),
                    mode="lines+markers" if len(history) == 1 else "lines",
                    line={"color": colour, "dash": dash, "width": 2},
                    hovertemplate=f"%{{y:.3f}} {part_name}, epoch %{{x}}",
                )
                figure.add_trace(line, row=1, col=column)
        best = history.iloc[int(history["val_accuracy"].argmax())]
        ring = {"color": colour, "size": 12, "symbol": "circle-open", "line": {"width": 2}}
        figure.add_trace(
            go.Scatter(
                x=[best["epoch"]], y=[best["val_accuracy"]], mode="markers", marker=ring, showlegend=False, name="best"
            ),
            row=1,
            col=2,
        )
        last = history.iloc[-1]
        summary.append(
            f"{name} reaches {best['val_accuracy']:.3f} on the validation images at epoch {best['epoch']:.0f} of "
            f"{last['epoch']:.0f}; in the last epoch it has {last['train_accuracy']:.3f} on the training images and "
            f"{last['val_accuracy']:.3f} on the validation images."
        )
    figure.update_xaxes(title_text="epoch")
    figure.update_yaxes(rangemode="tozero")
    legend = {"orientation": "h", "y": -0.22, "yanchor": "top", "traceorder": "normal"}
    style(figure, 380, legend=legend, hovermode="x")
    caption = f"Learning curves: training dotted, validation solid, a ring at the best epoch. {' '.join(summary)}"
    alt = f"Two line charts over epochs, loss on the left and accuracy on the right. {' '.join(summary)}"
    return plotly_picture(figure, caption=caption, alt=alt)
