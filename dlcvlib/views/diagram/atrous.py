"""Diagram of an atrous convolution: which positions of a map it reads."""

from __future__ import annotations

from dlcvlib.views.diagram.drawing import svg_figure, text_lines
from dlcvlib.views.diagram.grid import WIDTH
from dlcvlib.views.display import Picture
from dlcvlib.views.palette import BLUE, NEUTRAL, VERMILION

KERNEL = 3  # taps in each direction
SMALLEST = 6  # units; a grid of smaller cells is not drawn
EDGE = 10  # units around the drawing
HALF = 5, 9  # smallest and largest half of a tap, in units


def taps(rate: int, size: int) -> list[tuple[int, int, bool]]:
    """Return row, column and "inside" of the nine positions that the output at the middle of a square map reads.

    Args:
        rate: atrous rate, at least 1: distance of two taps.
        size: height and width of the map, at least 1.

    Raises:
        ValueError: `rate` or `size` is below 1.
    """
    if rate < 1 or size < 1:
        raise ValueError(f"rate={rate} and size={size} must both be at least 1")
    steps = [size // 2 + rate * step for step in range(-(KERNEL // 2), KERNEL // 2 + 1)]
    return [(row, column, 0 <= row < size and 0 <= column < size) for row in steps for column in steps]


def taps_inside(rate: int, size: int) -> int:
    """Return how many of the nine `taps` lie in the map; the others read padding."""
    return sum(inside for _, _, inside in taps(rate, size))


def atrous(rate: int, size: int) -> Picture:
    """Draw the positions that the output at the middle of a square map reads, those in the padding with a cross.

    Source: Chen et al. 2017, section 3.3, https://arxiv.org/abs/1706.05587.

    Args:
        rate: atrous rate, at least 1.
        size: height and width of the map, at least 1.

    Raises:
        ValueError: `rate` or `size` is below 1.
    """
    read = taps(rate, size)
    first = min(0, read[0][0])
    last = max(size - 1, read[-1][0])
    room, words = WIDTH - 2 * EDGE, 18
    cell = room / (last - first + 1)
    at = lambda position: EDGE + (position - first) * cell  # noqa: E731
    left, side = at(0), size * cell
    half = min(max(0.4 * cell, HALF[0]), HALF[1], 0.45 * rate * cell)
    lines = "".join(
        f"M{at(step):.1f} {words + left:.1f} v{side:.1f} M{left:.1f} {words + at(step):.1f} h{side:.1f} "
        for step in range(1, size)
    )
    parts = text_lines([f"rate {rate}, map of {size} × {size}"], WIDTH / 2, 12, bold=True)
    parts += f'<path d="{lines}" stroke="{NEUTRAL}" stroke-width="0.6"/>' if cell >= SMALLEST and lines else ""
    parts += (
        f'<rect x="{left:.1f}" y="{words + left:.1f}" width="{side:.1f}" height="{side:.1f}" fill="{NEUTRAL}" '
        f'fill-opacity="0.15" stroke="currentColor" stroke-width="1.4"/>'
    )
    parts += "".join(_tap(at(column + 0.5), words + at(row + 0.5), half, ok) for row, column, ok in read)
    inside, all_taps = taps_inside(rate, size), len(read)
    caption = (
        f"What a {KERNEL} × {KERNEL} convolution of rate {rate} reads at the middle of a map of {size} × {size} "
        f"positions. Taps in the map (filled squares): {inside} of {all_taps}. Taps in the padding are crossed circles."
    )
    title = f"Atrous convolution of rate {rate} on a map of {size} × {size}: {inside} of {all_taps} taps inside"
    places = "; ".join(f"row {row}, column {column}{'' if ok else ', outside'}" for row, column, ok in read)
    return svg_figure(parts, words + WIDTH, title, caption, f"{title}. Taps: {places}.")


def _tap(x: float, y: float, half: float, inside: bool) -> str:
    if inside:
        return (
            f'<rect class="tap" x="{x - half:.1f}" y="{y - half:.1f}" width="{2 * half:.1f}" height="{2 * half:.1f}" '
            f'fill="{BLUE}" stroke="currentColor"/>'
        )
    reach = 0.7 * half
    across = 2 * reach
    cross = f"M{x - reach:.1f} {y - reach:.1f} l{across:.1f} {across:.1f} m0 {-across:.1f} l{-across:.1f} {across:.1f}"
    return (
        f'<g class="tap" fill="none" stroke="{VERMILION}" stroke-width="1.4">'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{half:.1f}"/><path d="{cross}"/></g>'
    )
