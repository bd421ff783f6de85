"""Csv files of the course: their rows, each with its line."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from dlcvlib.data.images import read_bytes
from dlcvlib.data.sets import FileError

UNREADABLE = "unreadable csv"


@dataclass(frozen=True)
class Row:
    """The columns of one row, stripped of blanks."""

    line: int  # of the file, from 1, where the row ends
    cells: tuple[str, ...]


def read_table(file: Path) -> tuple[list[str], list[Row]]:
    """Read a csv of UTF-8 text: its header in small letters, and every row below it that is not blank.

    Raises:
        DataError: the file cannot be read, is not UTF-8 text, or is no csv (a field of more than 128 kB, say).
    """
    text = read_text(file, UNREADABLE)
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        rows = [Row(lines.line_num, tuple(cell.strip() for cell in cells)) for cells in lines if cells]
    except csv.Error as error:
        raise FileError(file, UNREADABLE, f"line {lines.line_num} is no csv ({error}); mend it") from error
    return ([cell.lower() for cell in rows[0].cells], rows[1:]) if rows else ([], [])


def read_text(file: Path, kind: str) -> str:
    """Read a file of UTF-8 text.

    Args:
        file: to be read.
        kind: of the problem where it cannot be.

    Raises:
        DataError: the file is missing, cannot be read, is empty, or is not UTF-8 text.
    """
    try:
        return read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(file, kind, f"is not UTF-8 text ({error.reason} at byte {error.start}); save it so") from error
