"""Grid that a diagram is laid out on: boxes in columns and rows, arrows between boxes of one column or one row.

All lengths are in units of the drawing, WIDTH of which fit a phone.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

WIDTH = 340  # of a drawing; a phone of 390 pixels shows one unit as about one pixel
MARGIN = 3
NAME, NOTE = 12, 11  # font sizes: first lines of a box, and all other text
LINE = 14  # distance of two lines
PADDING = 7  # between a box and its text
LETTER, BOLD_LETTER = 0.56, 0.6  # width of an average letter, in font sizes
ROW_GAP = 22  # between two rows
BESIDE = 7  # between a vertical arrow and its label

BoxKind = Literal["data", "trained", "average", "frozen", "fixed", "loss", "words"]
ArrowKind = Literal["flow", "dashed", "blocked"]


@dataclass(frozen=True)
class Box:
    """Box of a diagram; `title` is what it shows in bold, its `name` if None."""

    name: str
    column: int
    row: int
    note: str = ""
    kind: BoxKind = "data"
    columns: int = 1
    title: str | None = None


@dataclass(frozen=True)
class Arrow:
    """Arrow from one box to another, by their names."""

    start: str
    end: str
    label: str = ""
    kind: ArrowKind = "flow"


@dataclass(frozen=True)
class Rectangle:
    """Rectangle of a drawing; y grows downward."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.top + self.height

    def overlaps(self, other: Rectangle) -> bool:
        """True if the two share an area."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across > 0 and down > 0

    def contains(self, other: Rectangle) -> bool:
        """True if `other` lies within this one."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )


@dataclass(frozen=True)
class Route:
    """Line of an arrow, from edge to edge, with the lines and the place of its label."""

    start: tuple[float, float]
    end: tuple[float, float]
    lines: tuple[str, ...]
    label: Rectangle

    @property
    def is_vertical(self) -> bool:
        """True if it leads from row to row."""
        return self.start[0] == self.end[0]


@dataclass(frozen=True)
class Grid:
    """Places of all boxes and arrows.

    Args:
        boxes: boxes with different names.
        arrows: arrows between boxes that share a row or a column.
        columns: number of columns.
        gap: distance of two columns.

    Raises:
        ValueError: two boxes of one name, an arrow to a name that no box has, or between boxes that share neither a row
            nor a column.
    """

    boxes: Sequence[Box]
    arrows: Sequence[Arrow]
    columns: int = 2
    gap: float = 24

    def __post_init__(self) -> None:
        names = [box.name for box in self.boxes]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two boxes are called {', '.join(twice)}: give one of them another name and a title")
        ends = {name for arrow in self.arrows for name in (arrow.start, arrow.end)}
        if unknown := sorted(ends.difference(names)):
            raise ValueError(f"no box is called {', '.join(unknown)}; there are {', '.join(names)}")

    @property
    def height(self) -> float:
        """Height of the drawing."""
        return max(place.bottom for place in self.places().values()) + MARGIN

    def places(self) -> Mapping[str, Rectangle]:
        """Return the place of each box by its name."""
        tops = self._tops()
        return {
            box.name: Rectangle(self._across(box)[0], tops[box.row], self._wide(box), self._high(box.row))
            for box in self.boxes
        }

    def texts(self, box: Box) -> tuple[list[str], list[str]]:
        """Return the lines of a box: those in bold, and those of its note."""
        room = self._wide(box) - 2 * PADDING
        title = box.name if box.title is None else box.title
        return _lines(title, room, NAME * BOLD_LETTER), _lines(box.note, room, NOTE * LETTER)

    def routes(self) -> list[Route]:
        """Return the route of each arrow."""
        places = self.places()
        return [self._route(arrow, places[arrow.start], places[arrow.end]) for arrow in self.arrows]

    @property
    def _column(self) -> float:
        return (WIDTH - 2 * MARGIN - (self.columns - 1) * self.gap) / self.columns

    def _wide(self, box: Box) -> float:
        return box.columns * self._column + (box.columns - 1) * self.gap

    def _across(self, box: Box) -> tuple[float, float]:
        """Return the left and the right edge of a box."""
        left = MARGIN + box.column * (self._column + self.gap)
        return left, left + self._wide(box)

    def _high(self, row: int) -> float:
        lines = [sum(map(len, self.texts(box))) for box in self.boxes if box.row == row]
        return 2 * PADDING + LINE * max(lines) - 2

    def _tops(self) -> dict[int, float]:
        """Return the upper edge of each row; a gap has room for the labels of the arrows across it."""
        rows = {box.name: box.row for box in self.boxes}
        across = {box.name: self._across(box) for box in self.boxes}
        tops, top = {}, float(MARGIN)
        for row in range(max(rows.values()) + 1):
            tops[row] = top
            crossing = [a for a in self.arrows if sorted((rows[a.start], rows[a.end])) == [row, row + 1] and a.label]
            labels = [self._labels(a.label, _shared(across[a.start], across[a.end])) for a in crossing]
            top += self._high(row) + max([ROW_GAP, *(LINE * len(lines) + 10 for lines in labels)])
        return tops

    def _labels(self, text: str, x: float) -> list[str]:
        """Return the lines of a label to the right of an arrow at `x`; it ends before the next column's middle."""
        middles = [MARGIN + self._column / 2 + column * (self._column + self.gap) for column in range(self.columns)]
        room = min([WIDTH - MARGIN, *(middle - 8 for middle in middles if middle > x + 8)]) - x - BESIDE
        return _lines(text, room, NOTE * LETTER)

    def _route(self, arrow: Arrow, start: Rectangle, end: Rectangle) -> Route:
        if max(start.left, end.left) < min(start.right, end.right):
            x = _shared((start.left, start.right), (end.left, end.right))
            lines = self._labels(arrow.label, x)
            y1, y2 = (start.bottom, end.top) if end.top >= start.bottom else (start.top, end.bottom)
            wide, high = _extent(lines)
            return Route((x, y1), (x, y2), tuple(lines), Rectangle(x + BESIDE, (y1 + y2 - high) / 2, wide, high))
        if start.top == end.top:
            y, lines = start.top + start.height / 2, _lines(arrow.label, self.gap - 8, NOTE * LETTER)
            x1, x2 = (start.right, end.left) if end.left >= start.right else (start.left, end.right)
            wide, high = _extent(lines)
            return Route((x1, y), (x2, y), tuple(lines), Rectangle((x1 + x2 - wide) / 2, y - 5 - high, wide, high))
        raise ValueError(f"{arrow.start} and {arrow.end} share neither a row nor a column: an arrow runs straight")


def _shared(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the middle of what two ranges share."""
    return (max(one[0], other[0]) + min(one[1], other[1])) / 2


def _lines(text: str, room: float, letter: float) -> list[str]:
    return [line for part in text.split("\n") for line in textwrap.wrap(part, max(1, int(room / letter)))]


def _extent(lines: Sequence[str]) -> tuple[float, float]:
    return max(map(len, lines), default=0) * NOTE * LETTER, len(lines) * LINE
