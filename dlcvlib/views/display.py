"""Return type of every view: a picture with caption and alt text, for JupyterLab and the built book.

In the book a plotly figure is HTML with the figure's JSON, drawn by one `plotly.min.js` a site
(`book/_static/figures.js`). JupyterLab runs no such script; there plotly's extension draws the figure from its own mime
type. That extension shows the figure alone, so the caption is added as the figure's title.
"""

from __future__ import annotations

import json
import re
import textwrap
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

PLOTLY_MIME = "application/vnd.plotly.v1+json"
DEFAULT_HEIGHT = 450  # pixels; plotly's own default
CAPTION_COLUMNS = 110  # characters a line of the caption in JupyterLab
LINE_PIXELS = 20  # height of such a line
PLOTLY_TOP_MARGIN = 100  # pixels; plotly's own default


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


def plotly_picture(figure: go.Figure, *, caption: str, alt: str) -> Picture:
    """Show a plotly figure; leave its width and background unset, so that it fits the page and its theme.

    Raises:
        ValueError: `caption` or `alt` is empty.
    """
    caption, alt = checked_text(caption, "caption"), checked_text(alt, "alt")
    content: dict[str, Any] = json.loads(figure.to_json())
    height = content["layout"].setdefault("height", DEFAULT_HEIGHT)
    if not content["layout"].get("title", {}).get("text"):
        content["layout"].setdefault("margin", {"t": 30})  # without a title; plotly leaves 100 pixels
    # "<" is escaped so that no text in the figure can end the script element.
    figure_json = json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    body = (
        f'<div class="dlcv-plotly" role="img" aria-label="{escape(alt)}" style="min-height: {height:g}px">\n'
        f'<p class="dlcv-fallback">{escape(alt)} (The figure is drawn by a script, which did not run here.)</p>\n'
        f'<script type="application/json">{figure_json}</script>\n</div>'
    )
    return Picture(body, caption, alt, live={PLOTLY_MIME: _with_caption(content, caption)})


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
    """Show a table: floats with three decimals, missing values as a dash, without the index if that is a range.

    Raises:
        ValueError: `caption` is empty.
    """
    caption = checked_text(caption, "caption")
    # pandas ignores `na_rep` for missing values of integer columns, but not of object columns.
    table = (
        frame.astype(object)
        .where(frame.notna(), np.nan)
        .to_html(
            index=not isinstance(frame.index, pd.RangeIndex),
            classes="dlcv-table",
            border=0,
            na_rep="–",
            float_format="{:.3f}".format,
            justify="left",
        )
    )
    return Picture(f'<div class="dlcv-scroll">\n{table}\n</div>', caption, alt=caption)


def checked_text(text: str, name: str) -> str:
    """Return `text` with its white space collapsed; `name` is used in the error.

    Raises:
        ValueError: the text is empty.
    """
    if not text.strip():
        raise ValueError(f"{name} is empty: every picture of the book has a caption and an alt text")
    return " ".join(text.split())


def _with_caption(content: dict[str, Any], caption: str) -> dict[str, Any]:
    """Figure for plotly's mime type, with the caption as its title above the axes."""
    lines = [escape(line, quote=False) for line in textwrap.wrap(caption, CAPTION_COLUMNS)]
    if own_title := content["layout"].get("title", {}).get("text"):
        lines.insert(0, f"<b>{own_title}</b>")
    title = {
        "text": "<br>".join(lines),
        "font": {"size": 13},
        **{"x": 0, "xref": "container", "xanchor": "left", "pad": {"l": 12, "t": LINE_PIXELS}},
        **{"y": 1, "yref": "container", "yanchor": "top"},
    }
    layout, room = content["layout"], LINE_PIXELS * (len(lines) + 1)
    margin = layout.get("margin", {})
    layout = layout | {
        "title": title,
        "height": layout["height"] + room,
        "margin": margin | {"t": margin.get("t", PLOTLY_TOP_MARGIN) + room},
    }
    return content | {"layout": layout, "config": {"responsive": True, "displaylogo": False}}
