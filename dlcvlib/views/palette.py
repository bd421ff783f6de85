"""Colours and marker symbols that stay apart for colour-blind readers, on light and dark pages."""

from __future__ import annotations

from itertools import product

# Okabe and Ito 2008, without black (lost on a dark page) and yellow (lost on a light one).
SERIES_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C")
NEUTRAL = "#808080"  # readable on white and on black; the book's own script replaces it by the page's text colour
SYMBOLS = ("circle", "diamond", "cross", "triangle-up", "square", "x", "triangle-down", "star", "bowtie", "hourglass")

MASK_CLASSES = ("Urban", "Agriculture", "Rangeland", "Forest", "Water", "Barren", "Unknown")
MASK_COLOURS = (
    (0, 255, 255),
    (255, 255, 0),
    (255, 0, 255),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 255),
    (0, 0, 0),
)  # the course's own, in the order of the class ids


def class_styles(count: int) -> list[tuple[str, str]]:
    """A (colour, symbol) pair for each of `count` classes; classes beside each other differ in colour.

    Raises:
        ValueError: more classes than there are pairs.
    """
    pairs = [(colour, symbol) for symbol, colour in product(SYMBOLS, SERIES_COLOURS)]
    if count > len(pairs):
        raise ValueError(f"{count} classes cannot be told apart: there are {len(pairs)} pairs of colour and symbol")
    return pairs[:count]


def names_of(class_names: tuple[str, ...] | list[str], count: int) -> list[str]:
    """The names of `count` classes: those given, or the class ids where none are given.

    Raises:
        ValueError: names are given, but too few.
    """
    if not class_names:
        return [str(number) for number in range(count)]
    if len(class_names) < count:
        raise ValueError(f"there are {count} classes but only {len(class_names)} class names")
    return list(class_names)
