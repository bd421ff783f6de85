"""Directives `library-layers` and `library-flow`: drawings of how `dlcvlib` is built.

`LAYERS` is the import rule itself: tests/test_layers.py holds every import of the library against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from docutils import nodes
from package_api import LIBRARY, summary
from records import table
from sphinx.util.docutils import SphinxDirective

LAYERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("command line", ("cli",)),
    ("uses", ("chapter", "handin", "bench", "report", "exercises", "environment")),
    ("train, show, claim", ("training", "views", "claims")),
    ("run in the page", ("live",)),
    ("maps, bands", ("embedding", "bands")),
    ("methods, records", ("ssl", "sam", "runs")),
    ("parts", ("augment", "models", "metrics", "recipes")),
    ("data", ("data",)),
    ("files", ("files", "progress")),
    ("machine", ("paths", "memory", "processes")),
    ("definitions", ("course", "errors", "counting")),
)
"""Packages and modules of the library from top to bottom. A file imports from lower layers and its own package only."""

READERS = ("runs", "embedding", "views", "report")
"""Work without a GPU on what a training wrote: they import nothing of `TRAINERS`."""
TRAINERS = ("augment", "ssl", "training")

FLOW = (
    # column, row, name, note, kind
    (4, 0, "recipes", "settings, as data", "library"),
    (0, 1, "image files", "of the course, or toy", "disk"),
    (1, 1, "data", "decode once, uint8", "library"),
    (2, 1, "augment", "batches, on the device", "library"),
    (3, 1, "models, ssl", "networks, losses", "library"),
    (4, 1, "training", "tasks and one loop", "library"),
    (4, 2, "run record", "history, weights", "disk"),
    (3, 2, "views", "figures and tables", "library"),
    (2, 2, "chapter", "notebooks/*.py", "book"),
    (1, 2, "book", "static pages", "book"),
)
ARROWS = ((0, 5), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8), (8, 9))
"""Pairs of indices into `FLOW`."""
COLOURS = {"library": "#0072b2", "disk": "#d55e00", "book": "#009e73"}
"""Okabe and Ito's blue, vermilion and bluish green; the dashes of a box tell its kind without colour."""
DASHES = {"library": "", "disk": "6 3", "book": "2 3"}


def box(x: float, y: float, width: float, height: float, colour: str, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="none" stroke="{colour}" '
        f'stroke-width="2"{dashed}/>'
    )


def text(x: float, y: float, words: str, size: int = 14, anchor: str = "middle", weight: str = "normal") -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
        f'fill="currentColor">{escape(words)}</text>'
    )


def arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="currentColor" stroke-width="1.5" '
        'marker-end="url(#dlcv-tip)"/>'
    )


def figure(width: int, height: int, parts: Sequence[str], alternative: str, caption: str) -> str:
    tip = (
        '<defs><marker id="dlcv-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="currentColor"/></marker></defs>'
    )
    return (
        f'<figure class="dlcv-figure"><div class="dlcv-svg"><svg viewBox="0 0 {width} {height}" '
        f'style="width: 100%; min-width: {0.9 * width:.0f}px; max-width: {width}px; height: auto" '
        f'role="img" aria-label="{escape(alternative)}" font-family="inherit">{tip}{"".join(parts)}</svg></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def draw_flow() -> str:
    """Return the data flow as a figure."""
    wide, high, step_x, step_y = 138, 50, 160, 80
    parts, centres = [], []
    for column, row, name, note, kind in FLOW:
        x, y = 5 + column * step_x, 5 + row * step_y
        centres.append((x + wide / 2, y + high / 2))
        parts.append(box(x, y, wide, high, COLOURS[kind], DASHES[kind]))
        parts += [text(x + wide / 2, y + 21, name, weight="bold"), text(x + wide / 2, y + 39, note, 11)]
    for start, end in ARROWS:
        (x1, y1), (x2, y2) = centres[start], centres[end]
        right, down = (x2 > x1) - (x2 < x1), (y2 > y1) - (y2 < y1)
        parts.append(arrow(x1 + right * wide / 2, y1 + down * high / 2, x2 - right * wide / 2, y2 - down * high / 2))
    names = [name for _, _, name, _, _ in FLOW]
    alternative = "Arrows: " + "; ".join(f"{names[start]} to {names[end]}" for start, end in ARROWS)
    caption = "From images to pages. Solid: packages of the library; dashed: files on disk; dotted: the book."
    return figure(5 * step_x - 12, 3 * step_y - 20, parts, alternative, caption)


def draw_layers() -> str:
    """Return the layers as a figure, each name a box; lower ones know nothing of higher ones."""
    step, high, left = 46, 34, 150
    parts, told = [], []
    for index, (title, names) in enumerate(LAYERS):
        y = 5 + index * step
        parts.append(text(left - 12, y + 22, title, 13, "end"))
        for column, name in enumerate(names):
            x = left + column * 125
            kind = "book" if name in READERS else "disk" if name in TRAINERS else "library"
            parts += [box(x, y, 115, high, COLOURS[kind], DASHES[kind]), text(x + 57.5, y + 22, name)]
        told.append(f"{title}: {', '.join(names)}")
    bottom = 5 + (len(LAYERS) - 1) * step + high
    parts += [arrow(10, 10, 10, bottom), text(20, bottom, "imports", 12, "start")]
    caption = "Imports go down only. Dotted boxes work on run records alone: they import none of the dashed ones."
    return figure(left + 5 * 125, bottom + 8, parts, "Layers from top to bottom. " + "; ".join(told), caption)


class Drawing(SphinxDirective):
    """A drawing of the library."""

    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", draw_flow(), format="html")]


class Layers(SphinxDirective):
    """The layers as a drawing, and what each package holds."""

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        packages = [LIBRARY / name for _, names in LAYERS for name in names if (LIBRARY / name).is_dir()]
        rows = [
            {"package": package.name, "holds": summary(package / "__init__.py").replace("`", "")}
            for package in packages
        ]
        return [nodes.raw("", draw_layers(), format="html"), table(rows)]


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("library-flow", Drawing)
    app.add_directive("library-layers", Layers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
