"""HTML of a table that fits its page: cells wrap, and where its columns do not fit, each row becomes a block of values.

The width at which that happens is estimated from the texts. Scripts and stylesheets are not needed: the style stands
beside the table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from math import ceil
from numbers import Integral, Real
from string import Template

import pandas as pd

NOTHING = "–"
CHARACTER, PADDING = 0.64, 1.0  # width of a digit in the widest of the usual fonts, and of a column's padding, in em
COMFORTABLE = 9  # characters; a column of longer texts is wrapped, but not narrower than this
SHORT = 11  # characters; several values of at most this length share a line of a block
LONG_NOTE = 3 * SHORT
NOTE_WIDTH = 10  # em, of a row's header with a long note; that of table.css
LONG_WORD = 12  # characters; longer words may be broken at their punctuation
SOFT_HYPHEN = "\u00ad"
STEP = 4  # em; tables of about the same width share their style


@dataclass(frozen=True)
class Noted:
    """A cell with a second, smaller line."""

    text: str
    note: str

    def __str__(self) -> str:
        return self.text


def table_html(frame: pd.DataFrame) -> str:
    """Return a table with its style: floats with three decimals, missing values as a dash.

    The index, or else a first column of texts, is the rows' header. An index that only counts is left out.
    """
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.rename_axis(str(frame.index.name or "")).reset_index()
    names = [str(name) for name in frame.columns]
    rows = [[_as_cell(value) for value in row] for row in frame.astype(object).itertuples(index=False, name=None)]
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    headed = bool(columns) and _is_header(frame.iloc[:, 0])
    long = [any(len(cell.text) > SHORT or len(cell.note) > LONG_NOTE for cell in column) for column in columns]
    width = STEP * ceil(sum(map(_width, names, columns)) / STEP)
    head = "".join(f'<th scope="col">{_breakable(name)}</th>' for name in names)
    kinds = [(name, wide, headed and index == 0) for index, (name, wide) in enumerate(zip(names, long, strict=True))]
    cells = [[_td(cell, *kind) for cell, kind in zip(row, kinds, strict=True)] for row in rows]
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in cells)
    return (
        f"<style>{_style(width)}</style>\n"
        f'<div class="dlcv-rows"><table class="dlcv-table dlcv-below-{width}">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _as_cell(value: object) -> Noted:
    if isinstance(value, Noted):
        return value
    if value is None or value is pd.NA or value != value:
        return Noted(NOTHING, "")
    return Noted(f"{value:.3f}" if isinstance(value, Real) and not isinstance(value, Integral) else str(value), "")


def _is_header(column: pd.Series) -> bool:
    """Return True if the values of a table's first column name its rows."""
    return all(isinstance(value, str | Noted) for value in column)


def _td(cell: Noted, name: str, long: bool, header: bool) -> str:
    note = f'<span class="dlcv-note">{_breakable(cell.note)}</span>' if cell.note else ""
    if header:
        return f'<th scope="row">{_breakable(cell.text)}{note}</th>'
    kind = ' class="dlcv-long"' if long else ""
    return f'<td{kind} data-label="{escape(name)}">{_breakable(cell.text)}{note}</td>'


def _breakable(text: str) -> str:
    """Escape a text; its long words may be broken after punctuation, and a value is not broken before its deviation."""
    words = text.replace(" ± ", "\u00a0±\u00a0").split(" ")
    return " ".join("<wbr>".join(map(escape, _pieces(word) if len(word) > LONG_WORD else [word])) for word in words)


def _pieces(word: str) -> list[str]:
    return re.split(r"(?<=[_/=.,:+-])(?<!\d[.,])(?=\w)", word)  # not within a number


def _width(name: str, column: tuple[Noted, ...]) -> float:
    """Return the width that a column is comfortable with, in em."""
    texts = [text for cell in column for text in (cell.text, cell.note)]
    words = [word for text in [name, *texts] for word in text.split()]
    longest = max((len(piece) for word in words for piece in _unbroken(word)), default=0)
    comfortable = CHARACTER * max(longest, min(COMFORTABLE, max(map(len, texts), default=0)))
    return PADDING + max(comfortable, NOTE_WIDTH if any(len(cell.note) > LONG_NOTE for cell in column) else 0)


def _unbroken(word: str) -> list[str]:
    return _pieces(word) if len(word) > LONG_WORD else word.split(SOFT_HYPHEN)


@cache
def _style(width: int) -> str:
    text = (files("dlcvlib.views") / "table.css").read_text(encoding="utf-8")
    return Template(text).substitute(width=f"{width}em", name=width).strip()
