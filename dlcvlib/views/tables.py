"""Table of accuracies with their uncertainty, beside the reported ones."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dlcvlib.runs import Run
from dlcvlib.views.display import Picture, table_picture
from dlcvlib.views.records import NOTHING, REDUCED, minutes_of
from dlcvlib.views.shared_rows import Row, shared_in_words, shared_rows


def accuracy_table(rows: Sequence[Run | Sequence[Run]]) -> Picture:
    """Return a table of systems: best validation accuracy, its standard deviation and error, and the reported value.

    The standard error is that of a share p among N validation images, sqrt(p (1 - p) / N). An entry that is not
    recorded is shown as a dash. Systems of equal settings are one run, and one row.

    Args:
        rows: for each row a run, or several runs that differ in their seed only.

    Raises:
        ValueError: no row, a row without a run, runs of different recipes or profiles in one row, or a run without a
            best epoch.
    """
    if not rows:
        raise ValueError("an accuracy table needs at least one run")
    shared = shared_rows(rows, "val_accuracy")
    table = pd.DataFrame(list(map(_cells, shared)))
    best = table.iloc[int(table["accuracy"].argmax())]
    caption = (
        "Accuracy on the validation set at the best epoch, which is chosen on that same set and so flatters a little. "
        "Std: standard deviation over seeds. Error: standard error for the number of validation images. "
        f"The highest is {best['system']} with {best['accuracy']:.3f}."
    )
    if table["form"].eq("reduced").any():
        caption += REDUCED
    caption += shared_in_words(shared)
    return table_picture(table, caption=caption)


def _cells(row: Row) -> dict[str, object]:
    group = row.group
    return {
        "system": row.title,
        "report": row.reports or NOTHING,
        "accuracy": group.mean,
        "std": group.std,
        "error": group.error,
        "reported": row.reported,
        "seeds": len(group.runs),
        "form": group.entry("recipe", "form") or NOTHING,
        "starts from": group.entry("start", "from") or group.entry("recipe", "start") or NOTHING,
        "profile": group.entry("profile") or NOTHING,
        "hardware": group.hardware or NOTHING,
        "minutes": minutes_of(group),
    }
