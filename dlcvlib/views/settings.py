"""Table of the fine-tuning settings A to E: initialisation of the backbone, what is trained, and accuracy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dlcvlib.metrics import share_error
from dlcvlib.recipes import EXTRA, SETTINGS
from dlcvlib.runs import Run
from dlcvlib.views.display import Picture, table_picture
from dlcvlib.views.records import NOTHING, best_value, entry, minutes_of, refuse_mixture, std_of

ORDER = tuple(SETTINGS | EXTRA)
STARTS = {"random": "random weights", "supplied": "supplied", "ssl": "self-supervised"}


@dataclass(frozen=True)
class SettingRow:
    """A setting and its runs, which differ in their seed only."""

    setting: str
    runs: list[Run]

    @property
    def accuracies(self) -> list[float]:
        """Best validation accuracy of each run, in [0, 1]."""
        return [best_value(run, "val_accuracy") for run in self.runs]

    @property
    def accuracy(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.accuracies))

    @property
    def images(self) -> int | None:
        """Number of validation images, or None if not recorded."""
        return entry(self.runs[0], "data", "val_images")


def setting_rows(rows: Sequence[Run | Sequence[Run]]) -> list[SettingRow]:
    """Sort `rows` in the course's order: A, B, C, D, E, then the extra settings.

    Args:
        rows: for each row a run, or several runs that differ in their seed only.

    Raises:
        ValueError: no row, a row without a run or of different recipes or profiles, or an unknown setting.
    """
    if not rows:
        raise ValueError("there is no run of a fine-tuning setting: give at least one")
    found = []
    for row in rows:
        runs = [row] if isinstance(row, Run) else list(row)
        refuse_mixture(runs)
        setting = entry(runs[0], "recipe", "setting")
        if setting not in ORDER:
            raise ValueError(
                f"{runs[0].path} is of setting {setting!r}; known are {', '.join(ORDER)}: "
                "for runs other than fine-tuning use accuracy_table"
            )
        found.append(SettingRow(setting, runs))
    return sorted(found, key=lambda row: ORDER.index(row.setting))


def reported_values(
    rows: Sequence[SettingRow], reported: Mapping[str, Mapping[str, float]] | None = None
) -> dict[str, dict[str, float]]:
    """Merge reported values of the recipes of `rows` with those given: report → setting → accuracy in [0, 1]."""
    values: dict[str, dict[str, float]] = {}
    for row in rows:
        value = entry(row.runs[0], "recipe", "reported")
        if value is not None:
            values.setdefault(entry(row.runs[0], "recipe", "report") or "report", {})[row.setting] = float(value)
    for report, stated in (reported or {}).items():
        values[report] = values.get(report, {}) | dict(stated)
    return values


def settings_table(
    rows: Sequence[Run | Sequence[Run]], reported: Mapping[str, Mapping[str, float]] | None = None
) -> Picture:
    """One row a setting: accuracy, std over seeds, standard error, and a column for each report.

    Missing entries are dashes.

    Args:
        rows: for each row a fine-tuning run, or several that differ in their seed only; in any order.
        reported: further reported values, as report → setting → accuracy in [0, 1].

    Raises:
        ValueError: as `setting_rows`, or a run without a best epoch.
    """
    ordered = setting_rows(rows)
    stated = reported_values(ordered, reported)
    table = pd.DataFrame([_cells(row, stated) for row in ordered])
    best = ordered[int(table["accuracy"].argmax())]
    caption = (
        "Accuracy on the validation set at the best epoch; std: standard deviation over seeds; error: standard "
        f"error for the number of validation images. The highest is setting {best.setting} with {best.accuracy:.3f}. "
        "The best epoch is chosen on that same validation set, so the values are slightly optimistic"
    )
    caption += (
        ", and the reported values are of other backbones and data: compare the order of the settings, not the values."
        if stated
        else "."
    )
    if table["starts from"].str.contains("stand-in").any():
        caption += (
            " “(stand-in)”: the supplied backbone was not available and is replaced by one that we trained with labels."
        )
    if table["form"].eq("reduced").any():
        caption += (
            " “reduced” marks a smaller network than the reported one: do not compare its value with the report's."
        )
    return table_picture(table, caption=caption)


def _cells(row: SettingRow, stated: Mapping[str, Mapping[str, float]]) -> dict[str, object]:
    run, accuracies = row.runs[0], row.accuracies
    cells = {
        "setting": row.setting,
        "accuracy": row.accuracy,
        "std": std_of(accuracies),
        "error": share_error(row.accuracy, row.images) if row.images else math.nan,
        "seeds": len(accuracies),
    }
    cells |= {f"reported, {report}": values.get(row.setting, math.nan) for report, values in stated.items()}
    return cells | {
        "starts from": _start(row),
        "trains": _trains(run),
        "trained parameters": _count(entry(run, "trained_parameters")),
        "backbone": entry(run, "start", "title") or NOTHING,
        "form": entry(run, "recipe", "form") or NOTHING,
        "minutes": minutes_of(row.runs),
    }


def _start(row: SettingRow) -> str:
    """Initialisation of the backbone in words; the supplied one may be replaced by a stand-in that we trained."""
    init = (SETTINGS | EXTRA)[row.setting].init
    own = init == "supplied" and entry(row.runs[0], "start", "from") == "record"
    return f"{STARTS[init]} (stand-in)" if own else STARTS[init]


def _trains(run: Run) -> str:
    if entry(run, "recipe", "trains") == "classifier":
        return "classifier only"
    return "classifier, then all" if entry(run, "recipe", "classifier_first") else "whole network"


def _count(parameters: int | None) -> str:
    return f"{parameters:,}" if parameters is not None else NOTHING
