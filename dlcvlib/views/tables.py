"""The accuracy table: our values with their uncertainty, beside the reported ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from dlcvlib.metrics import share_error
from dlcvlib.runs import Run
from dlcvlib.views.display import Picture, table_picture
from dlcvlib.views.records import NOTHING, best_accuracy, entry, minutes_of, refuse_mixture, title_of


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
    table = pd.DataFrame([_row([row] if isinstance(row, Run) else list(row)) for row in rows])
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


def _row(runs: list[Run]) -> dict[str, object]:
    refuse_mixture(runs)
    accuracies = np.array([best_accuracy(run) for run in runs])
    mean = float(accuracies.mean())
    run, images = runs[0], entry(runs[0], "data", "val_images")
    reported = entry(run, "recipe", "reported")
    return {
        "system": title_of(run),
        "report": entry(run, "recipe", "report") or NOTHING,
        "accuracy": mean,
        "spread": float(accuracies.std(ddof=1)) if len(runs) > 1 else math.nan,
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
