"""A network drawn as its stages: a row of prisms, as high as their maps and as wide as their channels."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from html import escape
from textwrap import wrap
from typing import Any

from dlcvlib.views.display import Picture, svg_picture
from dlcvlib.views.palette import SERIES_COLOURS

CELL_WIDTH, CELL_HEIGHT = 112, 230  # of one stage, in units of the drawing
COLUMNS = 7  # stages a row at most
FRONT = 84  # height of the highest prism's front
KEYS = ("name", "kind", "channels", "height", "width", "parameters")


def architecture(stages: Sequence[Mapping[str, Any]], title: str) -> Picture:
    """Draw a network from left to right; lines take the colour of the page's text, so it suits light and dark.

    Front height grows with the square root of the map's height, depth with that of its width, and front width with the
    logarithm of the channels. Stages of one kind have one colour, however many blocks they hold.

    Args:
        stages: for each `name`, `kind`, `channels`, `height` and `width` of its output (1 where it has no extent) and
            `parameters`, the number of trained values in it.
        title: of the network.

    Raises:
        ValueError: no stage, or a stage without one of these entries or with a size below 1.
    """
    _check(stages)
    kinds = list(dict.fromkeys(_uncounted(stage) for stage in stages))
    largest = max(max(stage["height"], stage["width"]) for stage in stages)
    rows = math.ceil(len(stages) / COLUMNS)
    columns = math.ceil(len(stages) / rows)
    parts = []
    for number, stage in enumerate(stages):
        left, top = (number % columns) * CELL_WIDTH, (number // columns) * CELL_HEIGHT
        joined = number + 1 < len(stages) and (number + 1) % columns > 0  # an arrow at the end of a row points nowhere
        colour = SERIES_COLOURS[kinds.index(_uncounted(stage)) % len(SERIES_COLOURS)]
        drawn = _prism(stage, largest, colour) + _words(stage) + (_arrow() if joined else "")
        parts.append(f'<g transform="translate({left} {top})">{drawn}</g>')
    width, height = columns * CELL_WIDTH, rows * CELL_HEIGHT
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'style="width: 100%; max-width: {width}px; height: auto" font-family="inherit" font-size="11" '
        f'fill="currentColor" text-anchor="middle">{"".join(parts)}</svg>'
    )
    total = sum(stage["parameters"] for stage in stages)
    first, last = stages[0], stages[-1]
    caption = (
        f"{title}: {len(stages)} stages, {total:,} parameters, from {_size(first)} to {_size(last)} "
        "(channels × height × width). Prisms are as high and deep as the maps and as wide as the channels, "
        "on root and logarithmic scales."
    )
    listed = "; ".join(f"{stage['name']} ({stage['kind']}) {_size(stage)}" for stage in stages)
    return svg_picture(svg, caption=caption, alt=f"{title} as a row of prisms: {listed}.")


def _prism(stage: Mapping[str, Any], largest: int, colour: str) -> str:
    """Front, top and side of a box; every cell's fronts stand on the same ground line."""
    high = max(6.0, FRONT * math.sqrt(stage["height"] / largest))
    deep = max(3.0, 0.34 * FRONT * math.sqrt(stage["width"] / largest))
    wide = 6 + 4 * math.log2(stage["channels"] + 1)
    left, ground = (CELL_WIDTH - wide - deep) / 2, 128
    top, right = ground - high, left + wide
    faces = {
        0.45: [(left, top), (right, top), (right, ground), (left, ground)],
        0.2: [(left, top), (left + deep, top - deep), (right + deep, top - deep), (right, top)],
        0.3: [(right, top), (right + deep, top - deep), (right + deep, ground - deep), (right, ground)],
    }
    return "".join(
        f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in corners)}" fill="{colour}" '
        f'fill-opacity="{opacity}" stroke="currentColor" stroke-width="1" stroke-linejoin="round"/>'
        for opacity, corners in faces.items()
    )


def _uncounted(stage: Mapping[str, Any]) -> str:
    """The kind without its counts, "3 × Bottleneck" as "Bottleneck": stages of the same blocks have the same colour."""
    return re.sub(r"\d+ [×x] ", "", str(stage["kind"]))


def _words(stage: Mapping[str, Any]) -> str:
    name = wrap(str(stage["name"]), 17, max_lines=2, placeholder=" …")
    kind = wrap(str(stage["kind"]), 18, max_lines=2, placeholder=" …")
    lines = [(line, "bold", 1.0) for line in name] + [(line, "normal", 0.8) for line in kind]
    lines += [(_size(stage), "normal", 1.0), (_count(stage["parameters"]), "normal", 0.8)]
    return "".join(
        f'<text x="{CELL_WIDTH / 2}" y="{146 + 14 * row}" font-weight="{weight}" fill-opacity="{opacity}">'
        f"{escape(line)}</text>"
        for row, (line, weight, opacity) in enumerate(lines)
    )


def _arrow() -> str:
    x, y = CELL_WIDTH - 7, 122
    return (
        f'<path d="M{x} {y} h12 m-4 -4 l4 4 l-4 4" fill="none" stroke="currentColor" stroke-width="1.2" '
        'stroke-linecap="round"/>'
    )


def _size(stage: Mapping[str, Any]) -> str:
    if stage["height"] == stage["width"] == 1:
        return str(stage["channels"])
    return f"{stage['channels']} × {stage['height']} × {stage['width']}"


def _count(parameters: int) -> str:
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if parameters >= unit:
            return f"{parameters / unit:.3g} {name} parameters"
    return f"{parameters} parameters" if parameters else "no parameters"


def _check(stages: Sequence[Mapping[str, Any]]) -> None:
    if not stages:
        raise ValueError("there is no stage to draw")
    for stage in stages:
        missing = [key for key in KEYS if key not in stage]
        if missing:
            raise ValueError(f"stage {stage.get('name', '?')!r} says no {', '.join(missing)}")
        for key in ("channels", "height", "width"):
            if stage[key] < 1:
                raise ValueError(f"stage {stage['name']!r} has {key} {stage[key]}; it must be at least 1")
