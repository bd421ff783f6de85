"""Monitors of self-supervised pre-training by epoch: quality of the features, and collapse."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dlcvlib.runs import Run, collapse_of
from dlcvlib.views.display import Picture, plotly_picture
from dlcvlib.views.equal_epochs import at_equal_epochs
from dlcvlib.views.palette import SERIES_COLOURS
from dlcvlib.views.records import entry, history_with, named_runs
from dlcvlib.views.style import style

MOST_RUNS = 4
COLUMNS = 3
PANEL, BETWEEN, BELOW = 150, 74, 48  # pixels: height of a panel, between two rows for the titles, below all rows
LEGEND = 44  # further pixels below, with several runs
SETS = {"mini": "Mini-ImageNet", "office": "Office-Home"}


def _chance(run: Run) -> float | None:
    classes = entry(run, "data", "classes")
    return 1 / classes if classes else None


def _one(run: Run) -> float | None:
    return 1.0


def _largest_entropy(run: Run) -> float | None:
    out_dim = entry(run, "recipe", "method_options", "out_dim")
    return math.log(out_dim) if out_dim else None


@dataclass(frozen=True)
class Panel:
    """One measure: column of the history, title, meaning of its values, and reference value."""

    column: str
    title: str
    meaning: str
    reference: Callable[[Run], float | None] | None = None
    """Drawn dashed."""
    untrained: bool = False
    """True to draw the value of the untrained network, dotted."""


PANELS = (
    Panel("train_loss", "loss", "alone it says little"),
    Panel("knn", "kNN accuracy", "dashed: chance; dotted: untrained", _chance, untrained=True),
    Panel("probe", "linear probe accuracy", "dashed: chance; dotted: untrained", _chance, untrained=True),
    Panel("feature_spread", "std of the features", "times √d; dashed: isotropic; 0: collapsed", _one),
    Panel("rank_me", "effective rank (RankMe)", "dimensions that the features use"),
    Panel("drift", "drift", "distance of the EMA network"),
    Panel("output_spread", "std of the projections", "times √d; dashed: isotropic; 0: collapsed", _one),
    Panel("leading_share", "share of one line", "in the projections; 1: collapsed to a line"),
    Panel("teacher_entropy", "entropy of the teacher", "nats; dashed: maximum, ln(out_dim)", _largest_entropy),
    Panel("teacher_information", "mutual information of the teacher", "nats; 0: the same for all images"),
)


def monitors(runs: Run | Sequence[Run], labels: Sequence[str] = ()) -> Picture:
    """Draw the monitors of self-supervised pre-training over the epochs, one panel a measure.

    Crosses mark epochs that look collapsed. A measure that no run has is left out. Runs of different lengths are
    compared at the last epoch that all have.

    Args:
        runs: one pre-training run, or up to four.
        labels: one for each run; by default the title of its recipe, with the seed where titles repeat.

    Raises:
        ValueError: no run or too many, another number of labels, or a history that is not of pre-training.
    """
    chosen, names = named_runs(runs, labels, MOST_RUNS)
    histories = [history_with(run, ("epoch", "train_loss", "knn")) for run in chosen]
    panels = [panel for panel in PANELS if any(panel.column in history for history in histories)]

    figure = _empty(panels, LEGEND if len(chosen) > 1 else 0)
    for number, panel in enumerate(panels):
        for run, history, name, colour in zip(chosen, histories, names, SERIES_COLOURS, strict=False):
            if panel.column in history:
                named = number == 0 and len(chosen) > 1
                for line in _lines(panel, run, history, name, colour, named):
                    figure.add_trace(line, row=number // COLUMNS + 1, col=number % COLUMNS + 1)
    summary = " ".join(
        _summary(run, history, name) for run, history, name in zip(chosen, histories, names, strict=True)
    )
    summary += _compared(chosen, histories, names)
    crosses = " Crosses mark epochs that look collapsed." if any(len(_collapsed(each)) for each in histories) else ""
    caption = f"Monitors over the epochs of pre-training.{crosses} {summary}"
    alt = (
        f"{len(panels)} small line charts over epochs: {', '.join(panel.title for panel in panels)}.{crosses} {summary}"
    )
    return plotly_picture(figure, caption=caption, alt=alt)


def _empty(panels: list[Panel], legend_room: int) -> go.Figure:
    """An empty grid of panels with their titles."""
    rows = -(-len(panels) // COLUMNS)
    drawn = rows * PANEL + (rows - 1) * BETWEEN
    titles = [f"<b>{panel.title}</b><br><span style='font-size: 11px'>{panel.meaning}</span>" for panel in panels]
    spacing = {"horizontal_spacing": 0.07, "vertical_spacing": BETWEEN / drawn if rows > 1 else 0}
    figure = make_subplots(rows, COLUMNS, subplot_titles=titles, **spacing)
    figure.update_annotations(font={"size": 13})
    figure.update_xaxes(rangemode="tozero", matches="x")
    figure.update_yaxes(rangemode="tozero", nticks=5)
    for number in range(len(panels), rows * COLUMNS):
        hidden = {"visible": False, "row": number // COLUMNS + 1, "col": number % COLUMNS + 1}
        figure.update_xaxes(**hidden)
        figure.update_yaxes(**hidden)
    for number in range(max(0, len(panels) - COLUMNS), len(panels)):  # the lowest panel of each column
        figure.update_xaxes(title={"text": "epoch", "standoff": 4}, row=number // COLUMNS + 1, col=number % COLUMNS + 1)
    legend = {"orientation": "h", "x": 0, "y": -BELOW / drawn, "yanchor": "top", "traceorder": "normal"}
    margin = {"l": 8, "r": 8, "t": 44, "b": BELOW + legend_room}
    return style(figure, drawn + margin["t"] + margin["b"], legend=legend, hovermode="x", margin=margin)


def _lines(panel: Panel, run: Run, history: pd.DataFrame, name: str, colour: str, named: bool) -> list[go.Scatter]:
    """Lines of the references, line of the measure, and crosses."""
    references = {
        "dash": panel.reference(run) if panel.reference else None,
        "dot": entry(run, "before", panel.column) if panel.untrained else None,
    }
    lines = [
        go.Scatter(
            x=[0, history["epoch"].iloc[-1]],
            y=[value, value],
            mode="lines",
            line={"color": colour, "dash": dash, "width": 1.2},
            hoverinfo="skip",
            legendgroup=name,
            showlegend=False,
        )
        for dash, value in references.items()
        if value is not None
    ]
    measure = go.Scatter(
        x=history["epoch"],
        y=history[panel.column],
        mode="lines+markers" if len(history) == 1 else "lines",
        name=name,
        legendgroup=name,
        showlegend=named,
        line={"color": colour, "width": 2},
        hovertemplate="%{y:.3g}, epoch %{x}",
    )
    collapsed = _collapsed(history)
    crosses = go.Scatter(
        x=collapsed["epoch"],
        y=collapsed[panel.column],
        mode="markers",
        name="collapsed",
        legendgroup=name,
        showlegend=False,
        marker={"color": colour, "symbol": "x-thin-open", "size": 7, "line": {"width": 1.5}},
        hoverinfo="skip",
    )
    return [*lines, measure, crosses] if len(collapsed) else [*lines, measure]


def _collapsed(history: pd.DataFrame) -> pd.DataFrame:
    """Rows of the epochs that look collapsed; empty if the history has no such column."""
    return history.query("collapsed > 0") if "collapsed" in history else history.head(0)


def _summary(run: Run, history: pd.DataFrame, name: str) -> str:
    first, last = history.iloc[0], history.iloc[-1]
    before = entry(run, "before", "knn")
    start, since = (first["knn"], f"after epoch {first['epoch']:.0f}") if before is None else (before, "untrained")
    change = "rises" if last["knn"] > start else "falls" if last["knn"] < start else "goes"
    best = history["knn"].max()
    highest = f", {best:.3f} at its highest" if best > last["knn"] else ""
    chance = _chance(run)
    by_chance = f"; by chance it would be {chance:.3f}" if chance else ""
    return (
        f"{name}: the kNN accuracy{_of_images(run)} {change} from {start:.3f} ({since}) to {last['knn']:.3f} after "
        f"epoch {last['epoch']:.0f}{highest}{by_chance}. {collapse_in_words(run)}"
    ).strip()


def _compared(runs: Sequence[Run], histories: Sequence[pd.DataFrame], names: Sequence[str]) -> str:
    """One sentence about runs of different lengths, after a space; "" if all are equally long."""
    if len({history["epoch"].iloc[-1] for history in histories}) == 1:
        return ""
    rows = at_equal_epochs(runs, ("knn",))
    values = ", ".join(f"{name} {row['knn']:.3f}" for name, row in zip(names, rows, strict=True))
    return f" After epoch {rows[0]['epoch']:.0f}, the last that all have, the kNN accuracies are: {values}."


def collapse_in_words(run: Run) -> str:
    """Return the verdict about the collapse of a pre-training in one sentence; "" if its record says nothing of it."""
    return str(collapse_of(run) or "")


def _of_images(run: Run) -> str:
    monitored, images = entry(run, "data", "monitored"), entry(run, "data", "val_images")
    if not monitored or not images:
        return ""
    toy = "the toy stand-in for " if entry(run, "data", "is_toy") else ""
    return f" of {images} held-out images of {toy}{SETS.get(monitored, monitored)}"
