"""Table of accuracies with their uncertainty, beside the reported ones."""

from __future__ import annotations

from collections.abc import Sequence

from dlcvlib.runs import Run
from dlcvlib.views.display import Picture, table_picture
from dlcvlib.views.provenance import explained, noted, provenance
from dlcvlib.views.records import NOTHING, REDUCED
from dlcvlib.views.shared_rows import Row, shared_in_words, shared_rows


def accuracy_table(rows: Sequence[Run | Sequence[Run]]) -> Picture:
    """Return a table of systems: best validation accuracy, its standard deviation and error, and the reported value.

    The standard error is that of a share p among N validation images, sqrt(p (1 - p) / N). An entry that is not
    recorded is shown as a dash, and a column of dashes is left out. Systems of equal settings are one run, and one row.

    Args:
        rows: for each row a run, or several runs that differ in their seed only.

    Raises:
        ValueError: no row, a row without a run, runs of different recipes or profiles in one row, or a run without a
            best epoch.
    """
    if not rows:
        raise ValueError("an accuracy table needs at least one run")
    shared = shared_rows(rows, "val_accuracy")
    table, made = noted(list(map(_cells, shared)), [provenance(row.group) for row in shared])
    best = table.loc[table["accuracy"].argmax()]
    caption = (
        "Accuracy on the validation set at the best epoch, which is chosen on that same set and so flatters."
        f"{explained(table)} The highest is {best['system']} with {best['accuracy']:.3f}.{made}"
    )
    if any(row.group.is_reduced for row in shared):
        caption += REDUCED
    return table_picture(table, caption=caption + shared_in_words(shared))


def _cells(row: Row) -> dict[str, object]:
    group = row.group
    return {
        "system": row.title,
        "report": row.reports or NOTHING,
        "accuracy": group.mean,
        "std": group.std,
        "error": group.error,
        "reported": row.reported,
    }
