"""Accuracy table: our values with their uncertainty, beside the reported ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from dlcvlib.metrics import share_error
from dlcvlib.runs import Run
from dlcvlib.views.display import Picture, table_picture
from dlcvlib.views.records import NOTHING, best_value, entry, minutes_of, refuse_mixture, std_of, title_of


def accuracy_table(rows: Sequence[Run | Sequence[Run]]) -> Picture:
    """One row a system: best validation accuracy, std over seeds, standard error, and the reported value.

    The standard error of an accuracy p on N validation images is sqrt(p (1 - p) / N). Missing entries are dashes.

    Args:
        rows: for each row a run, or several runs that differ in their seed only.

    Raises:
        ValueError: no row, a row without a run, runs of different recipes or profiles in one row, or a run without a
            best epoch.
    """
    if not rows:
        raise ValueError("an accuracy table needs at least one run")
    table = pd.DataFrame([_row([row] if isinstance(row, Run) else list(row)) for row in rows])
    best = table.iloc[int(table["accuracy"].argmax())]
    caption = (
        "Accuracy on the validation set at the best epoch, chosen on that same set, so slightly optimistic. "
        "Std: standard deviation over seeds. Error: standard error for the number of validation images. "
        f"The highest is {best['system']} with {best['accuracy']:.3f}."
    )
    if table["form"].eq("reduced").any():
        caption += (
            " “reduced” marks a smaller network than the reported one: do not compare its value with the report's."
        )
    return table_picture(table, caption=caption)


def _row(runs: list[Run]) -> dict[str, object]:
    refuse_mixture(runs)
    accuracies = [best_value(run, "val_accuracy") for run in runs]
    mean = float(np.mean(accuracies))
    run, images = runs[0], entry(runs[0], "data", "val_images")
    reported = entry(run, "recipe", "reported")
    return {
        "system": title_of(run),
        "report": entry(run, "recipe", "report") or NOTHING,
        "accuracy": mean,
        "std": std_of(accuracies),
        "error": share_error(mean, images) if images else math.nan,
        "reported": math.nan if reported is None else float(reported),
        "seeds": len(runs),
        "form": entry(run, "recipe", "form") or NOTHING,
        "starts from": _start(run),
        "profile": entry(run, "profile") or NOTHING,
        "hardware": _text(entry(run, "device")),
        "minutes": minutes_of(runs),
    }


def _start(run: Run) -> str:
    start = entry(run, "start")
    return _text(start.get("from") if isinstance(start, dict) else start or entry(run, "recipe", "start"))


def _text(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("name") or ", ".join(str(part) for part in value.values())) or NOTHING
    return str(value) if value not in (None, "") else NOTHING
