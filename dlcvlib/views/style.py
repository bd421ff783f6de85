"""Plotly template of the book: no background, and grey lines that suit light and dark pages."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from dlcvlib.views.palette import GRID, NEUTRAL, SERIES_COLOURS

_AXIS = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID, "automargin": True, "ticklabelstandoff": 4}
# In the template, not in the layout, so that the book's script can override it for the page's theme.
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
    """Apply the book's template and a height in pixels; the width stays that of the page."""
    layout = {"margin": {"l": 8, "r": 8, "t": 32, "b": 8}, **layout}
    return figure.update_layout(template=TEMPLATE, height=height, **layout)
