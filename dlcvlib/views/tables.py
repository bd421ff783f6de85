"""The accuracy table: our values with their uncertainty, beside the reported ones."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dlcvlib.course import REPORTED
from dlcvlib.runs import Group, Run, group_of
from dlcvlib.views.display import Picture, table_picture
from dlcvlib.views.records import NOTHING, minutes_of, title_of


def accuracy_table(rows: Sequence[Run | Sequence[Run]]) -> Picture:
    """One row a system: best validation accuracy, its spread over seeds, its standard error, and what was reported.

    The standard error is that of a share p among N validation images, sqrt(p (1 - p) / N). What a record does not say
    stands as a dash.

    Args:
        rows: for each row a run, or several runs that differ in their seed only.

    Raises:
        ValueError: no row, a row without a run, runs of different recipes or profiles in one row, or a run without a
            best epoch.
    """
    if not rows:
        raise ValueError("an accuracy table needs at least one run")
    table = pd.DataFrame([_row(group_of(row, "val_accuracy")) for row in rows])
    best = table.iloc[int(table["accuracy"].argmax())]
    caption = (
        "Accuracy on the validation set at the best epoch, which is chosen on that same set and so flatters a little. "
        "Spread: standard deviation over seeds. Error: standard error for the number of validation images. "
        f"The highest is {best['system']} with {best['accuracy']:.3f}."
    )
    if table["form"].eq("reduced").any():
        caption += (
            " “Smallest” marks a stand-in for the reported network: its value is not to be held against the report's."
        )
    return table_picture(table, caption=caption)


def _row(group: Group) -> dict[str, object]:
    return {
        "system": title_of(group.runs[0]),
        "report": group.entry("recipe", "report") or NOTHING,
        "accuracy": group.mean,
        "spread": group.std,
        "error": group.error,
        "reported": REPORTED.get(group.entry("recipe", "name")),
        "seeds": len(group.runs),
        "form": group.entry("recipe", "form") or NOTHING,
        "starts from": group.entry("start", "from") or group.entry("recipe", "start") or NOTHING,
        "profile": group.entry("profile") or NOTHING,
        "hardware": group.hardware or NOTHING,
        "minutes": minutes_of(group),
    }
