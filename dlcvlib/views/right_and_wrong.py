"""Figure of mistakes: a value computed right beside the same value computed wrong."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from dlcvlib.views.display import Picture, plotly_picture
from dlcvlib.views.palette import BLUE, NEUTRAL, VERMILION
from dlcvlib.views.style import style

ROW_HEIGHT = 56
"""Pixels for each mistake."""


def right_and_wrong(values: Mapping[str, tuple[float, float]], *, caption: str) -> Picture:
    """Draw a line from the right to the wrong value of each mistake.

    Args:
        values: by the name of the mistake, the right and the wrong value, both in [0, 1].
        caption: text before the summary below the figure.

    Raises:
        ValueError: no mistake, or a value outside [0, 1].
    """
    if not values or not all(0 <= value <= 1 for pair in values.values() for value in pair):
        raise ValueError(f"right_and_wrong needs at least one pair of values in [0, 1], got {dict(values)}")
    names = list(values)
    rights, wrongs = zip(*values.values(), strict=True)
    figure = go.Figure()
    for name, (right, wrong) in values.items():
        line = {"color": NEUTRAL, "width": 2}
        figure.add_trace(go.Scatter(x=[right, wrong], y=[name] * 2, mode="lines", line=line, showlegend=False))
    for label, points, colour, symbol in (
        ("right", rights, BLUE, "circle"),
        ("wrong", wrongs, VERMILION, "x"),
    ):
        marker = {"color": colour, "symbol": symbol, "size": 12}
        hover = "%{y}: %{x:.3f} " + label
        figure.add_trace(go.Scatter(x=points, y=names, name=label, mode="markers", marker=marker, hovertemplate=hover))
    figure.update_xaxes(range=[0, 1], title_text="value")
    figure.update_yaxes(autorange="reversed", automargin=True)
    style(figure, 130 + ROW_HEIGHT * len(names), legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    summary = "; ".join(f"{name}: {right:.3f} becomes {wrong:.3f}" for name, (right, wrong) in values.items())
    return plotly_picture(figure, caption=f"{caption} {summary}.", alt=f"Pairs of points. {summary}.")
