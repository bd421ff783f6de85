"""A network drawn as its stages: prisms as high as their maps and as wide as their channels, and what reads what.

A network without skip connections is drawn from left to right. One with skip connections turns: its second row runs
back from right to left, so that the way down and the way up of a U-Net lie above each other.
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
FRONT, GROUND = 84, 128  # height of the highest prism's front, and of the line that all stand on
BELOW_WORDS = 220  # where a line begins that leaves a cell downward
ROW_GAP = 34  # between the rows of a network with skip connections, for their lines
KEYS = ("name", "kind", "channels", "height", "width", "parameters")


def architecture(stages: Sequence[Mapping[str, Any]], title: str) -> Picture:
    """Draw a network; lines take the colour of the page's text, so it suits light and dark.

    Front height grows with the square root of the map's height, depth with that of its width, and front width with the
    logarithm of the channels. Stages of one kind have one colour, however many blocks they hold.

    Args:
        stages: for each `name`, `kind`, `channels`, `height` and `width` of its output (1 where it has no extent),
            `parameters`, the number of trained values in it, and `reads`, the numbers of the earlier stages that it
            reads, from 0 (left out, the one before).
        title: of the network.

    Raises:
        ValueError: no stage, or a stage without one of these entries, with a size below 1, or that reads a later one.
    """
    _check(stages)
    skips = [(source, reader) for source, reader in _links(stages) if source != reader - 1]
    places, rows, columns = _places(len(stages), turns=bool(skips))
    kinds = list(dict.fromkeys(_uncounted(stage) for stage in stages))
    largest = max(max(stage["height"], stage["width"]) for stage in stages)
    parts = [_link(places, stages, largest, source, reader) for source, reader in _links(stages)]
    for stage, (left, top) in zip(stages, places, strict=True):
        colour = SERIES_COLOURS[kinds.index(_uncounted(stage)) % len(SERIES_COLOURS)]
        drawn = _prism(stage, largest, colour) + _words(stage)
        parts.append(f'<g transform="translate({left} {top})">{drawn}</g>')
    width, height = columns * CELL_WIDTH, rows * CELL_HEIGHT + (rows - 1) * (ROW_GAP if skips else 0)
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
        f"on root and logarithmic scales.{' Dashed lines are skip connections.' if skips else ''}"
    )
    listed = "; ".join(f"{stage['name']} ({stage['kind']}) {_size(stage)}" for stage in stages)
    skipping = "; ".join(f"{stages[source]['name']} to {stages[reader]['name']}" for source, reader in skips)
    said = f" Skip connections: {skipping}." if skips else ""
    return svg_picture(svg, caption=caption, alt=f"{title} as a row of prisms: {listed}.{said}")


def _links(stages: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Pairs of stages, the second of which reads the first."""
    return [
        (source, reader)
        for reader, stage in enumerate(stages)
        for source in stage.get("reads", (reader - 1,) if reader else ())
    ]


def _places(count: int, turns: bool) -> tuple[list[tuple[int, int]], int, int]:
    """Left upper corner of each cell, and the number of rows and of columns."""
    rows = max(math.ceil(count / COLUMNS), 2 if turns else 1)
    columns = math.ceil(count / rows)
    places = []
    for number in range(count):
        row, column = divmod(number, columns)
        backwards = turns and row % 2 == 1
        left = (columns - 1 - column if backwards else column) * CELL_WIDTH
        places.append((left, row * (CELL_HEIGHT + (ROW_GAP if turns else 0))))
    return places, rows, columns


def _link(
    places: list[tuple[int, int]], stages: Sequence[Mapping[str, Any]], largest: int, source: int, reader: int
) -> str:
    """A short arrow to a neighbour in the row, else a curve to the row below; dashed if it leaves stages out."""
    (left, top), (next_left, next_top) = places[source], places[reader]
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
    """Front, top and side of a box; every cell's fronts stand on the same ground line."""
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
    """The kind without its counts, "3 × Bottleneck" as "Bottleneck": stages of the same blocks have the same colour."""
    return re.sub(r"\d+ [×x] ", "", str(stage["kind"]))


def _words(stage: Mapping[str, Any]) -> str:
    name = wrap(str(stage["name"]), 17, max_lines=2, placeholder=" …")
    kind = wrap(str(stage["kind"]), 18, max_lines=2, placeholder=" …")
    lines = [(line, "bold", 1.0) for line in name] + [(line, "normal", 0.8) for line in kind]
    lines += [(_size(stage), "normal", 1.0), (_count(stage["parameters"]), "normal", 0.8)]
    return "".join(
        f'<text x="{CELL_WIDTH / 2}" y="{GROUND + 18 + 14 * row}" font-weight="{weight}" fill-opacity="{opacity}">'
        f"{escape(line)}</text>"
        for row, (line, weight, opacity) in enumerate(lines)
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
    for number, stage in enumerate(stages):
        missing = [key for key in KEYS if key not in stage]
        if missing:
            raise ValueError(f"stage {stage.get('name', '?')!r} says no {', '.join(missing)}")
        for key in ("channels", "height", "width"):
            if stage[key] < 1:
                raise ValueError(f"stage {stage['name']!r} has {key} {stage[key]}; it must be at least 1")
        later = [source for source in stage.get("reads", ()) if not 0 <= source < number]
        if later:
            raise ValueError(f"stage {stage['name']!r}, number {number}, reads {later}; it can read earlier ones only")
