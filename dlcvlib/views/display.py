"""Return type of every view: a picture with caption and alt text, for JupyterLab and the built book.

In the book and in the report a plotly figure is HTML with the figure's JSON, drawn by `figures/draw.js`. JupyterLab
runs no such script; there plotly's extension draws the figure from its own mime type. That extension shows the figure
alone, so the caption is added as the figure's title. How a figure takes clicks and touch is decided here for all three.
"""

from __future__ import annotations

import json
import re
import textwrap
from dataclasses import dataclass, field
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dlcvlib.views.table_html import table_html

PLOTLY_MIME = "application/vnd.plotly.v1+json"
DEFAULT_HEIGHT = 450  # pixels; plotly's own default
CAPTION_COLUMNS = 110  # characters a line of the caption in JupyterLab
LINE_PIXELS = 20  # height of such a line
PLOTLY_MARGIN = 100, 80  # pixels at the top and at the bottom; plotly's own defaults
BUTTONS = 26  # pixels above a figure for plotly's buttons, so that they cover no title
SLIDER = 96  # pixels below a figure in JupyterLab for plotly's slider
ZOOM = ("zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d")
CONFIG = {
    "responsive": True,
    "displaylogo": False,
    "displayModeBar": True,
    "scrollZoom": False,
    "showSendToCloud": False,  # plotly's own default offers to upload the figure
    "showTips": False,
    "plotlyServerURL": "",
}


@dataclass(frozen=True)
class Picture:
    """A picture that a notebook shows as the value of a cell.

    `body` is the HTML inside the `<figure>`; `live` holds further mime types that JupyterLab prefers.
    """

    body: str = field(repr=False)
    caption: str
    alt: str
    live: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def html(self) -> str:
        """The `<figure>` with its caption."""
        caption = f"<figcaption>{escape(self.caption)}</figcaption>"
        return f'<figure class="dlcv-figure" role="figure">\n{self.body}\n{caption}\n</figure>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": self.caption, "text/html": self.html, **self.live}


def plotly_picture(figure: go.Figure, *, caption: str, alt: str, zoom: bool = True) -> Picture:
    """Show a plotly figure; leave its width and background unset, so that it fits the page and its theme.

    A swipe or the wheel scrolls the page: zooming begins with a button. A click in a legend shows that entry alone, a
    second click all. A slider becomes an `<input>` of the page; in JupyterLab it stays plotly's.

    Args:
        figure: with at most one slider.
        caption: text below the picture.
        alt: alt text.
        zoom: False for a figure of pictures, without buttons to zoom.

    Raises:
        ValueError: `caption` or `alt` is empty.
    """
    caption, alt = checked_text(caption, "caption"), checked_text(alt, "alt")
    content: dict[str, Any] = json.loads(figure.to_json())
    layout = content["layout"]
    layout.setdefault("dragmode", False)
    layout.setdefault("height", DEFAULT_HEIGHT)
    layout["legend"] = {"itemclick": "toggleothers", "itemdoubleclick": False} | layout.get("legend", {})
    if not layout.get("title", {}).get("text"):
        layout.setdefault("margin", {"t": 30})  # without a title; plotly leaves 100 pixels
    layout = _with_room(layout, top=BUTTONS)
    content |= {"layout": layout, "config": CONFIG | {"modeBarButtons": [[*(ZOOM if zoom else ()), "toImage"]]}}
    return Picture(_body(content, alt), caption, alt, live={PLOTLY_MIME: _with_caption(content, caption)})


def _body(content: dict[str, Any], alt: str) -> str:
    """HTML of a figure with its JSON; `figures/draw.js` draws it."""
    layout = content["layout"]
    sliders = layout.get("sliders", [])
    shown = {name: value for name, value in layout.items() if name != "sliders"}
    drawn = content | {"layout": shown, "steps": sliders[0]["steps"] if sliders else []}
    # "<" is escaped so that no text in the figure can end the script element.
    figure_json = json.dumps(drawn, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return (
        f'<div class="dlcv-plotly" role="group" aria-label="{escape(alt)}" '
        f'style="min-height: {layout["height"]:g}px">\n'
        f'<p class="dlcv-fallback">{escape(alt)} (A script draws the figure; none ran here.)</p>\n'
        f'<script type="application/json">{figure_json}</script>\n</div>{"".join(map(_slider, sliders))}'
    )


def _slider(slider: dict[str, Any]) -> str:
    """HTML of the slider of a figure: in the page from the start, so that the first Tab pass reaches it."""
    steps, active = slider["steps"], slider.get("active", 0)
    name = slider.get("currentvalue", {}).get("prefix", "").strip(" =")
    label = escape(steps[active]["label"])
    return (
        f'\n<div class="dlcv-steps" hidden><label>{escape(name)} <input type="range" min="0" max="{len(steps) - 1}" '
        f'value="{active}" aria-valuetext="{label}"></label> <span aria-hidden="true">{label}</span></div>'
    )


def _with_room(layout: dict[str, Any], top: float = 0, bottom: float = 0) -> dict[str, Any]:
    """Layout of a figure that is so many pixels higher, with the axes of the same height."""
    margin = layout.get("margin", {})
    margin = margin | {"t": margin.get("t", PLOTLY_MARGIN[0]) + top, "b": margin.get("b", PLOTLY_MARGIN[1]) + bottom}
    return layout | {"height": layout["height"] + top + bottom, "margin": margin}


def svg_picture(svg: str, *, caption: str, alt: str) -> Picture:
    """Show a drawing; colours written as `currentColor` follow the page's light or dark theme.

    Raises:
        ValueError: `svg` holds no `<svg>` element, or `caption` or `alt` is empty.
    """
    caption, alt = checked_text(caption, "caption"), checked_text(alt, "alt")
    element = re.search(r"<svg\b.*</svg>", svg, flags=re.DOTALL)  # without an XML prolog, which is invalid in HTML
    if element is None:
        raise ValueError(f"svg must hold an <svg> element, got {svg[:60]!r}")
    return Picture(f'<div class="dlcv-svg" role="img" aria-label="{escape(alt)}">\n{element[0]}\n</div>', caption, alt)


def table_picture(frame: pd.DataFrame, *, caption: str) -> Picture:
    """Show a table, as `table_html` writes it.

    Raises:
        ValueError: `caption` is empty.
    """
    caption = checked_text(caption, "caption")
    return Picture(table_html(frame), caption, alt=caption)


def checked_text(text: str, name: str) -> str:
    """Return `text` with its white space collapsed; `name` is used in the error.

    Raises:
        ValueError: the text is empty.
    """
    if not text.strip():
        raise ValueError(f"{name} is empty: every picture of the book has a caption and an alt text")
    return " ".join(text.split())


def _with_caption(content: dict[str, Any], caption: str) -> dict[str, Any]:
    """Figure for plotly's mime type, with the caption as its title between the buttons and the axes."""
    lines = [escape(line, quote=False) for line in textwrap.wrap(caption, CAPTION_COLUMNS)]
    if own_title := content["layout"].get("title", {}).get("text"):
        lines.insert(0, f"<b>{own_title}</b>")
    title = {
        "text": "<br>".join(lines),
        "font": {"size": 13},
        **{"x": 0, "xref": "container", "xanchor": "left", "pad": {"l": 12, "t": LINE_PIXELS + BUTTONS}},
        **{"y": 1, "yref": "container", "yanchor": "top"},
    }
    below = SLIDER if content["layout"].get("sliders") else 0
    layout = _with_room(content["layout"], top=LINE_PIXELS * (len(lines) + 1), bottom=below)
    return content | {"layout": layout | {"title": title}}
