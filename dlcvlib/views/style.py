"""How every plotly figure of the book looks: no background of its own, grey lines that suit light and dark pages."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from dlcvlib.views.palette import NEUTRAL, SERIES_COLOURS

GRID = "rgba(128, 128, 128, 0.25)"
_AXIS = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID, "automargin": True}
# In the template, not in the layout: what the book's script sets for the page's theme then takes its place.
TEMPLATE = go.layout.Template(
    layout={
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "font": {"color": NEUTRAL, "size": 12},
        "colorway": SERIES_COLOURS,
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "legend": {"bgcolor": "rgba(0, 0, 0, 0)"},
    }
)


def style(figure: go.Figure, height: int, **layout: Any) -> go.Figure:
    """Give `figure` the book's look and a height in pixels; its width stays that of the page."""
    layout = {"margin": {"l": 8, "r": 8, "t": 32, "b": 8}, **layout}
    return figure.update_layout(template=TEMPLATE, height=height, **layout)
