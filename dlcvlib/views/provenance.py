"""Provenance of the rows of a table: what all rows share is said once, what sets a row apart stands below its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from dlcvlib.counting import counted
from dlcvlib.runs import Group
from dlcvlib.runs.starts import NOT_RECORDED, start_in_words
from dlcvlib.views.records import NOTHING
from dlcvlib.views.table_html import Noted

COLUMNS = {
    "std": "Std: standard deviation over seeds.",
    "error": "Error: standard error for the number of validation images.",
}
"""Columns that a caption explains."""


def provenance(group: Group) -> dict[str, str]:
    """Return what a result was made with, in words; what is not recorded is left out."""
    start = start_in_words(group.infos[0])
    form = group.entry("recipe", "form")
    words = {
        "start": "" if start == NOT_RECORDED else f"from {start}",
        "form": f"{form} network" if form else "",
        "seeds": counted(len(group.infos), "seed"),
        "profile": f"profile {profile}" if (profile := group.entry("profile")) else "",
        "hardware": f"on {group.hardware}" if group.hardware else "",
        "minutes": f"{group.minutes:.1f} minutes" if group.minutes is not None else "",
    }
    return {name: text for name, text in words.items() if text}


def noted(rows: Sequence[Mapping[str, object]], made: Sequence[Mapping[str, str]]) -> tuple[pd.DataFrame, str]:
    """Return a table and a sentence for its caption, after a space.

    The sentence says what all rows share; what sets a row apart is a second line in its first column. Columns that are
    empty in every row are left out.

    Args:
        rows: cells by column.
        made: provenance of each row.
    """
    names = list(dict.fromkeys(name for each in made for name in each))
    given = [each for each in made if each]  # a row of reported values has none
    shared = [name for name in names if len({each.get(name) for each in given}) == 1]
    apart = [name for name in names if name not in shared]
    table = []
    for row, each in zip(rows, made, strict=True):
        first = next(iter(row))
        note = ", ".join(each[name] for name in apart if name in each)
        table.append({**row, first: Noted(str(row[first]), note)})
    frame = pd.DataFrame(table)
    frame = frame.loc[:, [name for name in frame if not _is_empty(frame[name])]]
    said = ", ".join(given[0][name] for name in shared)
    return frame, f" {'All rows' if len(given) > 1 else 'The row'}: {said}." if said else ""


def explained(frame: pd.DataFrame) -> str:
    """Return what the columns std and error mean, for a caption, after a space; "" if there are none."""
    return "".join(f" {words}" for name, words in COLUMNS.items() if name in frame)


def _is_empty(column: pd.Series) -> bool:
    return all(value is None or value != value or value == NOTHING for value in column)
