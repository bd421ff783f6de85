"""Colours and marker symbols of all figures, distinct for colour-blind readers on light and dark pages.

CSS and JavaScript receive their colours from here. The colours of the mask classes are a file format of the course:
`dlcvlib.data.palette`.
"""

from __future__ import annotations

from itertools import product

# Okabe and Ito 2008, without black (invisible on a dark page) and yellow (invisible on a light one), and a grey.
SERIES_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C")
BLUE, VERMILION, ORANGE = SERIES_COLOURS[0], SERIES_COLOURS[1], SERIES_COLOURS[4]
NEUTRAL = "#808080"  # readable on white and on black; the book's script replaces it by the page's text colour
SYMBOLS = ("circle", "diamond", "cross", "triangle-up", "square", "x", "triangle-down", "star", "bowtie", "hourglass")


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue of a colour like "#0072B2", each in 0..255."""
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def rgba(colour: str, opacity: float) -> str:
    """Return a colour like "#0072B2" with an opacity in [0, 1], as CSS and plotly read it."""
    return f"rgba{(*rgb(colour), opacity)}"


GRID = rgba(NEUTRAL, 0.25)
SHADES = [[0, rgba(BLUE, 0)], [0.02, rgba(BLUE, 0.35)], [1, rgba(BLUE, 1)]]
"""Plotly colour scale of confusion matrices; an empty cell is transparent."""
OPAQUE_SHADES = [[0, "#EEF5FA"], [1, SERIES_COLOURS[5]]]
"""Colour scale of cells with numbers in them: black is readable on each, in a light and in a dark page."""
HATCH = [list(rgb(VERMILION)), [38, 12, 0]]
"""Two colours for wrong pixels, vermilion and near black: no mask class has them, and their lightness differs."""
RIGHT, WRONG = (225, 225, 225), rgb(VERMILION)


def class_styles(count: int) -> list[tuple[str, str]]:
    """Return a (colour, symbol) pair for each of `count` classes; consecutive classes differ in colour.

    Raises:
        ValueError: there are fewer pairs than classes.
    """
    pairs = [(colour, symbol) for symbol, colour in product(SYMBOLS, SERIES_COLOURS)]
    if count > len(pairs):
        raise ValueError(f"{count} classes cannot be told apart: there are {len(pairs)} pairs of colour and symbol")
    return pairs[:count]


def names_of(class_names: tuple[str, ...] | list[str], count: int) -> list[str]:
    """Return the names of `count` classes, or their ids if `class_names` is empty.

    Raises:
        ValueError: fewer names than classes, but not none.
    """
    if not class_names:
        return [str(number) for number in range(count)]
    if len(class_names) < count:
        raise ValueError(f"there are {count} classes but only {len(class_names)} class names")
    return list(class_names)
