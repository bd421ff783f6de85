"""Reading the csv files of the course, and the text of those that are handed in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dlcvlib.data.images import read_bytes
from dlcvlib.data.sets import FileError

UNREADABLE = "unreadable csv"


@dataclass(frozen=True)
class Row:
    """A row of a csv."""

    line: int  # line of the file, from 1, where the row ends
    cells: tuple[str, ...]  # without surrounding blanks


def read_table(file: Path) -> tuple[list[str], list[Row]]:
    """Read a csv of UTF-8 text; return its header in lower case, and all rows below it that are not blank.

    Raises:
        DataError: the file cannot be read, is not UTF-8 text, or is not a csv (for example, a field above 128 kB).
    """
    text = read_text(file, UNREADABLE)
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        rows = [Row(lines.line_num, tuple(cell.strip() for cell in cells)) for cells in lines if cells]
    except csv.Error as error:
        raise FileError(file, UNREADABLE, f"line {lines.line_num} is not valid csv ({error}); correct it") from error
    return ([cell.lower() for cell in rows[0].cells], rows[1:]) if rows else ([], [])


def read_text(file: Path, kind: str) -> str:
    """Read a file of UTF-8 text.

    Args:
        file: path.
        kind: kind of the problem if the file cannot be read.

    Raises:
        DataError: the file is missing, cannot be read, is empty, or is not UTF-8 text.
    """
    try:
        return read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
        raise FileError(file, kind, reason) from error


def csv_text(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    r"""Return the text of a csv as the course's are: no blanks after commas, each line ends in `\n`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
