"""Drawing of a diagram: SVG in the colours of the page's theme, and its alt text.

What a colour says, the outline of a box or the dashes of a line say too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import hypot

from dlcvlib.views.diagram.grid import LINE, NAME, NOTE, PADDING, WIDTH, Arrow, Box, Grid, Rectangle, Route
from dlcvlib.views.display import Picture, svg_picture
from dlcvlib.views.palette import BLUE, NEUTRAL, ORANGE, SERIES_COLOURS, VERMILION

LEAST, MOST = 0.95, 1.4  # width of a drawing on a narrow and on a wide page, in its own


@dataclass(frozen=True)
class Outline:
    """Outline of a kind of boxes."""

    colour: str
    dashes: str
    radius: float
    width: float
    looks: str
    means: str


OUTLINES = {
    "data": Outline(NEUTRAL, "", 0, 1.2, "square corners", "data"),
    "trained": Outline(BLUE, "", 7, 2.2, "solid", "trained by the gradient"),
    "average": Outline(VERMILION, "7 4", 7, 2.2, "dashed", "moving average, no gradient"),
    "frozen": Outline(VERMILION, "2 3", 7, 2.2, "dotted", "frozen"),
    "fixed": Outline(SERIES_COLOURS[2], "", 7, 1.2, "thin", "computed without weights"),
    "loss": Outline(ORANGE, "", 16, 3.2, "round", "loss"),
}
"""Outlines by the kind of a box; boxes of the kind "words" have none."""


def draw(grid: Grid, title: str, caption: str) -> Picture:
    """Draw a diagram; the kinds of its boxes are explained at the end of the caption.

    Args:
        grid: boxes and arrows.
        title: title in one line.
        caption: what is to be seen in it.
    """
    places = grid.places()
    parts = [_line(route, arrow) for route, arrow in zip(grid.routes(), grid.arrows, strict=True)]
    parts += [_box(box, places[box.name]) + _texts(grid, box, places[box.name]) for box in grid.boxes]
    legend = "; ".join(f"{outline.looks} = {outline.means}" for outline, _ in _kinds(grid))
    return svg_figure("".join(parts), grid.height, title, f"{caption} Boxes: {legend}.", alt_text(grid, title))


def svg_figure(parts: str, height: float, title: str, caption: str, alt: str) -> Picture:
    """Return parts of a drawing, WIDTH wide, as a picture that fits a phone."""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" style="width: 100%; '
        f'min-width: {LEAST * WIDTH:.0f}px; max-width: {MOST * WIDTH:.0f}px; height: auto" font-family="inherit" '
        f'font-size="{NOTE}" fill="currentColor" text-anchor="middle"><title>{escape(title)}</title>'
        f"<desc>{escape(alt)}</desc>{parts}</svg>"
    )
    return svg_picture(svg, caption=caption, alt=alt)


def alt_text(grid: Grid, title: str) -> str:
    """Return a sentence that names every box and every arrow."""
    boxes = "; ".join(
        ": ".join(filter(None, (box.name, _also(box), box.note.replace("\n", ", ")))) for box in grid.boxes
    )
    arrows = "; ".join(
        f"{arrow.start} to {arrow.end}" + (f" ({arrow.label})" if arrow.label else "") for arrow in grid.arrows
    )
    kinds = "; ".join(f"{outline.means}: {', '.join(names)}" for outline, names in _kinds(grid))
    return f"{title}. Boxes: {boxes}. Kinds of boxes: {kinds}. Arrows: {arrows}."


def text_lines(lines: Sequence[str], x: float, baseline: float, *, bold: bool = False) -> str:
    """Return lines of text, centred at `x`, the first at `baseline`."""
    style = f' font-size="{NAME}" font-weight="bold"' if bold else ""
    return "".join(
        f'<text x="{x:.1f}" y="{baseline + LINE * row:.1f}"{style}>{escape(line)}</text>'
        for row, line in enumerate(lines)
    )


def _kinds(grid: Grid) -> list[tuple[Outline, list[str]]]:
    """Return the outlines in use, each with the names of its boxes."""
    names = {kind: [box.name for box in grid.boxes if box.kind == kind] for kind in OUTLINES}
    return [(OUTLINES[kind], there) for kind, there in names.items() if there]


def _also(box: Box) -> str:
    return "" if box.title in (None, "", box.name) else str(box.title)


def _box(box: Box, place: Rectangle) -> str:
    if box.kind == "words":
        return ""
    outline = OUTLINES[box.kind]
    dashed = f' stroke-dasharray="{outline.dashes}"' if outline.dashes else ""
    return (
        f'<rect class="box" x="{place.left:.1f}" y="{place.top:.1f}" width="{place.width:.1f}" '
        f'height="{place.height:.1f}" rx="{outline.radius}" fill="{outline.colour}" fill-opacity="0.1" '
        f'stroke="{outline.colour}" stroke-width="{outline.width}"{dashed}/>'
    )


def _texts(grid: Grid, box: Box, place: Rectangle) -> str:
    title, note = grid.texts(box)
    spare = place.height - 2 * PADDING + 2 - LINE * (len(title) + len(note))
    x, top = place.left + place.width / 2, place.top + PADDING + spare / 2
    return text_lines(title, x, top + 10, bold=True) + text_lines(note, x, top + 10 + LINE * len(title))


def _line(route: Route, arrow: Arrow) -> str:
    """A line with a head at its end, across it two bars if the gradient is stopped, and its label."""
    (x1, y1), (x2, y2) = route.start, route.end
    length = hypot(x2 - x1, y2 - y1)
    along, up = (x2 - x1) / length, (y2 - y1) / length
    back, side = (x2 - 7 * along, y2 - 7 * up), (-4 * up, 4 * along)
    dashes = ' stroke-dasharray="5 3"' if arrow.kind == "dashed" else ""
    drawn = (
        f'<path class="arrow" d="M{x1:.1f} {y1:.1f} L{back[0]:.1f} {back[1]:.1f}" stroke="currentColor" '
        f'stroke-width="1.4"{dashes}/>'
    )
    head = ((x2, y2), (back[0] + side[0], back[1] + side[1]), (back[0] - side[0], back[1] - side[1]))
    drawn += f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in head)}"/>'
    if arrow.kind == "blocked":
        for place in (0.35, 0.5):
            x, y = x1 + place * (x2 - x1), y1 + place * (y2 - y1)
            drawn += (
                f'<path d="M{x - 1.7 * side[0]:.1f} {y - 1.7 * side[1]:.1f} L{x + 1.7 * side[0]:.1f} '
                f'{y + 1.7 * side[1]:.1f}" stroke="currentColor" stroke-width="2"/>'
            )
    label = route.label
    return drawn + text_lines(route.lines, label.left + label.width / 2, label.top + 11)
