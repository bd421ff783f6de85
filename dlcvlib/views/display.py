"""What every view returns: a picture with its caption and its alt text, shown in JupyterLab and in the built book.

In the book a plotly figure is HTML holding the figure's JSON, drawn by one `plotly.min.js` a site
(`book/_static/figures.js` does it). JupyterLab runs no such script: it is given plotly's own mime type beside the HTML,
which the plotly package's extension draws, and which the book leaves out. That extension shows the figure alone, so
there the caption stands above the axes, as the figure's title.
"""

from __future__ import annotations

import base64
import io
import json
import re
import textwrap
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from PIL import Image

PLOTLY_MIME = "application/vnd.plotly.v1+json"
DEFAULT_HEIGHT = 450  # pixels; plotly's own default
CAPTION_COLUMNS = 110  # characters a line, at which the caption of a live figure is wrapped
LINE_PIXELS = 20  # height of such a line
PLOTLY_TOP_MARGIN = 100  # pixels; plotly's own default


@dataclass(frozen=True)
class Picture:
    """A picture, ready to stand as the last value of a cell.

    `body` is the HTML inside the `<figure>`; `live` holds further mime types, for viewers that draw them better.
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
    """Show a plotly figure; its width and background are best left unset, so that it fits the page and its theme.

    Raises:
        ValueError: `caption` or `alt` is empty.
    """
    caption, alt = said(caption, "caption"), said(alt, "alt")
    content: dict[str, Any] = json.loads(figure.to_json())
    height = content["layout"].setdefault("height", DEFAULT_HEIGHT)
    if not content["layout"].get("title", {}).get("text"):
        content["layout"].setdefault("margin", {"t": 30})  # plotly leaves 100 pixels for a title that is not there
    # "<" is escaped so that no text in the figure can end the script element.
    figure_json = json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    body = (
        f'<div class="dlcv-plotly" role="img" aria-label="{escape(alt)}" style="min-height: {height:g}px">\n'
        f'<p class="dlcv-fallback">{escape(alt)} (The figure is drawn by a script, which did not run here.)</p>\n'
        f'<script type="application/json">{figure_json}</script>\n</div>'
    )
    return Picture(body, caption, alt, live={PLOTLY_MIME: _with_caption(content, caption)})


def image_picture(pixels: np.ndarray, *, caption: str, alt: str, scale: int = 1) -> Picture:
    """Show an image, each of its pixels as a square of `scale` by `scale` screen pixels.

    Args:
        pixels: uint8 (H, W, 3).
        caption: what to notice.
        alt: what is seen, for a reader who does not see it.
        scale: whole number >= 1.

    Raises:
        ValueError: `pixels` has another shape or type, `scale` is below 1, or `caption` or `alt` is empty.
    """
    caption, alt = said(caption, "caption"), said(alt, "alt")
    pixels = np.asarray(pixels)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(f"pixels must be uint8 of shape (H, W, 3), got {pixels.dtype} of shape {pixels.shape}")
    if scale != int(scale) or scale < 1:
        raise ValueError(f"scale must be a whole number of at least 1, got {scale}")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    source = base64.b64encode(file.getvalue()).decode()
    rendering = " image-rendering: pixelated;" if scale > 1 else ""
    body = (
        f'<img src="data:image/png;base64,{source}" alt="{escape(alt)}" width="{pixels.shape[1] * int(scale)}" '
        f'style="max-width: 100%; height: auto;{rendering}">'
    )
    return Picture(body, caption, alt)


def svg_picture(svg: str, *, caption: str, alt: str) -> Picture:
    """Show a drawing; colours written as `currentColor` follow the page's light or dark theme.

    Raises:
        ValueError: `svg` holds no `<svg>` element, or `caption` or `alt` is empty.
    """
    caption, alt = said(caption, "caption"), said(alt, "alt")
    element = re.search(r"<svg\b.*</svg>", svg, flags=re.DOTALL)  # leaves an XML prolog out, which HTML does not know
    if element is None:
        raise ValueError(f"svg must hold an <svg> element, got {svg[:60]!r}")
    return Picture(f'<div class="dlcv-svg" role="img" aria-label="{escape(alt)}">\n{element[0]}\n</div>', caption, alt)


def table_picture(frame: pd.DataFrame, *, caption: str) -> Picture:
    """Show a table: floats with three decimals, missing values as a dash, the index only where it says something.

    Raises:
        ValueError: `caption` is empty.
    """
    caption = said(caption, "caption")
    # pandas writes "<NA>" for a missing integer whatever it is told; as an object it is a missing value like others.
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


def said(text: str, name: str) -> str:
    """`text` on one line, once it is certain that it says something; `name` is what the error calls it.

    Raises:
        ValueError: it is empty.
    """
    if not text.strip():
        raise ValueError(
            f"{name} is empty: every picture of the book has a caption and a text for those who do not see it"
        )
    return " ".join(text.split())


def _with_caption(content: dict[str, Any], caption: str) -> dict[str, Any]:
    """The figure as plotly's mime type wants it, the caption as its title; above the axes, since legends lie below."""
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
