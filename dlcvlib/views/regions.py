"""Regions without classes drawn over their image, and a slider over the values of a parameter."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from PIL import Image
from torch import Tensor

from dlcvlib.views.display import Picture, plotly_picture
from dlcvlib.views.images import channels_last
from dlcvlib.views.palette import SERIES_COLOURS, rgb
from dlcvlib.views.style import style

COLOURS = np.array([rgb(colour) for colour in SERIES_COLOURS], dtype=np.float32)
BORDER = 255
DARKENED = 0.35  # relative brightness of pixels outside all regions
SHOWN_SIDE = 256  # largest side of an image in the slider, in pixels


def region_overlay(image: Tensor | np.ndarray, painted: np.ndarray, *, opacity: float = 0.45) -> np.ndarray:
    """Colour the regions of an image, with white borders; pixels outside all regions are darkened.

    Touching regions differ in colour; the colours repeat and have no further meaning.

    Args:
        image: uint8 (3, H, W).
        painted: index of each pixel's region, integer (H, W); negative for none.
        opacity: opacity of the colours, in [0, 1].

    Returns:
        uint8 (3, H, W).

    Raises:
        ValueError: `painted` and the image differ in size.
    """
    pixels = channels_last(np.asarray(image)[None])[0].astype(np.float32)
    if painted.shape != pixels.shape[:2]:
        raise ValueError(f"regions painted on {painted.shape} do not fit an image of {pixels.shape[:2]} pixels")
    covered = painted >= 0
    tint = COLOURS[colours_of(painted)[painted]]
    drawn = np.where(covered[..., None], (1 - opacity) * pixels + opacity * tint, DARKENED * pixels)
    border = np.zeros_like(covered)
    border[:, 1:] |= painted[:, 1:] != painted[:, :-1]
    border[1:] |= painted[1:] != painted[:-1]
    drawn[border] = BORDER
    return drawn.round().astype(np.uint8).transpose(2, 0, 1)


def colours_of(painted: np.ndarray) -> np.ndarray:
    """Greedy graph colouring of the regions, those with most neighbours first.

    Touching regions differ in colour unless there are too few colours.

    Returns:
        integer (R,), into `COLOURS`, at least one.
    """
    pairs = [(painted[:, 1:], painted[:, :-1]), (painted[1:], painted[:-1])]
    touching = np.concatenate([np.stack([one.ravel(), other.ravel()], axis=1) for one, other in pairs])
    touching = np.unique(touching[touching[:, 0] != touching[:, 1]], axis=0)
    count = max(int(painted.max()) + 1, 1)
    neighbours: list[set[int]] = [set() for _ in range(count)]
    for one, other in touching[(touching >= 0).all(axis=1)].tolist():
        neighbours[one].add(other)
        neighbours[other].add(one)
    chosen = np.full(count, -1)
    for region in sorted(range(count), key=lambda region: -len(neighbours[region])):
        around = np.bincount([chosen[each] for each in neighbours[region] if chosen[each] >= 0], minlength=len(COLOURS))
        turned = np.roll(
            around, -region % len(COLOURS)
        )  # start elsewhere for each region, so that all colours are used
        chosen[region] = (int(turned.argmin()) - (-region % len(COLOURS))) % len(COLOURS)
    return chosen


def region_slider(
    images: Tensor | np.ndarray,
    painted: Mapping[str, Sequence[np.ndarray]],
    names: Sequence[str],
    *,
    parameter: str,
    caption: str,
) -> Picture:
    """Draw the regions of some images side by side, with a slider over the values of a parameter.

    Args:
        images: uint8 (N, 3, H, W).
        painted: for each value of the parameter, as text, the painted regions (H, W) of each image.
        names: of the images.
        parameter: name of the parameter.
        caption: text below the picture.

    Raises:
        ValueError: no value, or images, regions and names do not fit each other.
    """
    if not painted or any(len(maps) != len(images) for maps in painted.values()) or len(names) != len(images):
        found = {value: len(maps) for value, maps in painted.items()}
        raise ValueError(f"{len(images)} images, {len(names)} names and regions {found} do not fit each other")
    values = list(painted)
    pictures = {value: _sources(images, painted[value]) for value in values}
    titles = {value: [_title(*pair) for pair in zip(names, painted[value], strict=True)] for value in values}
    first, width = values[len(values) // 2], 1 / len(names)
    figure = go.Figure()
    for index, (source, title) in enumerate(zip(pictures[first], titles[first], strict=True)):
        middle = (index + 0.5) * width
        at = {"xref": "paper", "yref": "paper", "x": middle, "xanchor": "center"}
        look = {"sizex": 0.97 * width, "sizey": 1, "sizing": "contain", "y": 0, "yanchor": "bottom"}
        figure.add_layout_image(source=source, **at, **look)
        figure.add_annotation(text=_in_lines(title), showarrow=False, y=0, yanchor="top", **at)
    steps = []
    for value in values:
        changed = {f"images[{index}].source": source for index, source in enumerate(pictures[value])}
        changed |= {f"annotations[{index}].text": _in_lines(title) for index, title in enumerate(titles[value])}
        steps.append({"method": "relayout", "args": [changed], "label": value})
    slider = {
        "active": values.index(first),
        "steps": steps,
        "currentvalue": {"prefix": f"{parameter} = "},
        "pad": {"t": 45},
    }
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    margin = {"b": 60, "t": 4, "l": 8, "r": 8}
    style(figure, 310, sliders=[slider], margin=margin, meta={"pictures": len(names)})
    summary = "; ".join(f"{parameter} {value}: {', '.join(titles[value])}" for value in values)
    alt = f"Satellite images with their regions in colours, by {parameter}. {summary}."
    return plotly_picture(figure, caption=f"{caption} Move the slider.", alt=alt, zoom=False)


def _title(name: str, painted: np.ndarray) -> str:
    regions = len(np.unique(painted[painted >= 0]))
    return f"{name}: {regions} regions, {(painted >= 0).mean():.0%} covered"


def _in_lines(title: str) -> str:
    """A title for below a picture that is narrow on a phone."""
    return title.replace(": ", "<br>").replace(", ", "<br>")


def _sources(images: Tensor | np.ndarray, painted: Sequence[np.ndarray]) -> list[str]:
    """Data URLs of the pictures."""
    sources = []
    for image, regions in zip(images, painted, strict=True):
        picture = Image.fromarray(channels_last(region_overlay(image, regions)[None])[0])
        picture.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=85)
        sources.append(f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}")
    return sources
