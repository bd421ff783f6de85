"""Drawing of a network: a prism for each stage, as high as its maps and as wide as its channels, and the connections.

A network without skip connections is drawn from left to right. With skip connections the second row runs from right to
left, so that the encoder and the decoder of a U-Net face each other.
"""

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
FRONT, GROUND = 84, 128  # height of the tallest prism's front; distance of all prisms' base from the cell's top
BELOW_WORDS = 220  # start of a line that leaves a cell downward
ROW_GAP = 34  # between the rows of a network with skip connections, for their lines
LEAST = 0.9  # of its own width, on a narrow page: letters of 10 pixels; the page scrolls the drawing
KEYS = ("name", "kind", "channels", "height", "width", "parameters")


def architecture(stages: Sequence[Mapping[str, Any]], title: str) -> Picture:
    """Draw a network; lines have the colour of the page's text, for light and dark pages.

    Front height is proportional to the square root of the map's height, depth to that of its width, and front width
    to the logarithm of the channels. Stages of one kind of block have one colour, for any number of blocks.

    Args:
        stages: each with `name`, `kind`, `channels`, `height` and `width` of its output (1 for a vector), `parameters`,
            the number of parameters, and optionally `reads`, the indices of the stages that are its input (default:
            the stage before).
        title: title of the network.

    Raises:
        ValueError: no stage, or a stage that lacks an entry, has a size below 1, or reads a later stage.
    """
    _check(stages)
    skips = [(source, reader) for source, reader in _links(stages) if source != reader - 1]
    corners, rows, columns = _corners(len(stages), turns=bool(skips))
    kinds = list(dict.fromkeys(_uncounted(stage) for stage in stages))
    largest = max(max(stage["height"], stage["width"]) for stage in stages)
    parts = [_link(corners, stages, largest, source, reader) for source, reader in _links(stages)]
    for stage, (left, top) in zip(stages, corners, strict=True):
        colour = SERIES_COLOURS[kinds.index(_uncounted(stage)) % len(SERIES_COLOURS)]
        drawn = _prism(stage, largest, colour) + _words(stage)
        parts.append(f'<g transform="translate({left} {top})">{drawn}</g>')
    width, height = columns * CELL_WIDTH, rows * CELL_HEIGHT + (rows - 1) * (ROW_GAP if skips else 0)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'style="width: 100%; min-width: {LEAST * width:.0f}px; max-width: {width}px; height: auto" '
        'font-family="inherit" font-size="11" '
        f'fill="currentColor" text-anchor="middle">{"".join(parts)}</svg>'
    )
    total = sum(stage["parameters"] for stage in stages)
    first, last = stages[0], stages[-1]
    caption = (
        f"{title}: {len(stages)} stages, {total:,} parameters, from {_size(first)} to {_size(last)} "
        "(channels × height × width). Prisms are as high and deep as the maps and as wide as the channels, "
        f"on root and logarithmic scales.{' Dashed lines are skip connections.' if skips else ''}"
    )
    listed = "; ".join(f"{stage['name']} ({stage['kind']}) {_size(stage)}" for stage in stages)
    skipping = "; ".join(f"{stages[source]['name']} to {stages[reader]['name']}" for source, reader in skips)
    skip_text = f" Skip connections: {skipping}." if skips else ""
    return svg_picture(svg, caption=caption, alt=f"{title} as a row of prisms: {listed}.{skip_text}")


def _links(stages: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Pairs (source, reader) of connected stages."""
    return [
        (source, reader)
        for reader, stage in enumerate(stages)
        for source in stage.get("reads", (reader - 1,) if reader else ())
    ]


def _corners(count: int, turns: bool) -> tuple[list[tuple[int, int]], int, int]:
    """Upper left corner of each cell, number of rows, and number of columns."""
    rows = max(math.ceil(count / COLUMNS), 2 if turns else 1)
    columns = math.ceil(count / rows)
    corners = []
    for number in range(count):
        row, column = divmod(number, columns)
        reverse = turns and row % 2 == 1
        left = (columns - 1 - column if reverse else column) * CELL_WIDTH
        corners.append((left, row * (CELL_HEIGHT + (ROW_GAP if turns else 0))))
    return corners, rows, columns


def _link(
    corners: list[tuple[int, int]], stages: Sequence[Mapping[str, Any]], largest: int, source: int, reader: int
) -> str:
    """A short arrow to a neighbour in the row, else a curve to the row below, dashed for a skip connection."""
    (left, top), (next_left, next_top) = corners[source], corners[reader]
    is_next = reader == source + 1
    if is_next and top == next_top:
        edge, way = (left + CELL_WIDTH - 7, 1) if next_left > left else (left + 7, -1)
        return _line(f"M{edge} {top + GROUND - 6} h{12 * way} m{-4 * way} -4 l{4 * way} 4 l{-4 * way} 4")
    if is_next and left != next_left:
        return ""  # an arrow from the end of a row to the start of another would cross all between
    high, _, deep = _extent(stages[reader], largest)
    x, y, to_x = left + CELL_WIDTH / 2, top + BELOW_WORDS, next_left + CELL_WIDTH / 2
    to_y = y if top == next_top else next_top + GROUND - high - deep - 5
    bend = max(22, (to_y - y) / 2)
    curve = f"M{x:.0f} {y} C{x:.0f} {y + bend:.0f} {to_x:.0f} {to_y - bend:.0f} {to_x:.0f} {to_y:.0f}"
    return _line(curve, dashed=not is_next) + _line(f"M{to_x - 4:.0f} {to_y - 4:.0f} l4 4 l4 -4")


def _line(path: str, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.2" stroke-linecap="round"{dashes}/>'


def _prism(stage: Mapping[str, Any], largest: int, colour: str) -> str:
    """Front, top and side of a box; all fronts share one base line."""
    high, wide, deep = _extent(stage, largest)
    left, ground = (CELL_WIDTH - wide - deep) / 2, GROUND
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


def _extent(stage: Mapping[str, Any], largest: int) -> tuple[float, float, float]:
    """Height, width and depth of a stage's prism."""
    high = max(6.0, FRONT * math.sqrt(stage["height"] / largest))
    deep = max(3.0, 0.34 * FRONT * math.sqrt(stage["width"] / largest))
    return high, 6 + 4 * math.log2(stage["channels"] + 1), deep


def _uncounted(stage: Mapping[str, Any]) -> str:
    """Remove the counts of a kind: "3 × Bottleneck" becomes "Bottleneck"."""
    return re.sub(r"\d+ [×x] ", "", str(stage["kind"]))


def _words(stage: Mapping[str, Any]) -> str:
    dotted = str(stage["name"]).replace(".", ". ")  # a line may end after a dot
    name = [line.replace(". ", ".") for line in wrap(dotted, 17, max_lines=2, placeholder=" …")]
    kind = wrap(str(stage["kind"]), 18, max_lines=2, placeholder=" …")
    lines = [(line, "bold", 1.0) for line in name] + [(line, "normal", 0.8) for line in kind]
    lines += [(_size(stage), "normal", 1.0), (parameter_count(stage["parameters"]), "normal", 0.8)]
    return "".join(
        f'<text x="{CELL_WIDTH / 2}" y="{GROUND + 18 + 14 * row}" font-weight="{weight}" fill-opacity="{opacity}">'
        f"{escape(line)}</text>"
        for row, (line, weight, opacity) in enumerate(lines)
    )


def _size(stage: Mapping[str, Any]) -> str:
    if stage["height"] == stage["width"] == 1:
        return str(stage["channels"])
    return f"{stage['channels']} × {stage['height']} × {stage['width']}"


def parameter_count(parameters: int) -> str:
    """Return a number of parameters in words, such as "25.6 M parameters"."""
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if parameters >= unit:
            return f"{parameters / unit:.3g} {name} parameters"
    return f"{parameters} parameters" if parameters else "no parameters"


def _check(stages: Sequence[Mapping[str, Any]]) -> None:
    if not stages:
        raise ValueError("there is no stage to draw")
    for number, stage in enumerate(stages):
        missing = [key for key in KEYS if key not in stage]
        if missing:
            raise ValueError(f"stage {stage.get('name', '?')!r} has no {', '.join(missing)}")
        for key in ("channels", "height", "width"):
            if stage[key] < 1:
                raise ValueError(f"stage {stage['name']!r} has {key} {stage[key]}; it must be at least 1")
        later = [source for source in stage.get("reads", ()) if not 0 <= source < number]
        if later:
            raise ValueError(f"stage {stage['name']!r}, number {number}, reads {later}; it can read earlier ones only")
