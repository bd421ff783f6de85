"""The table of segmentations: mean IoU with its spread, each class's IoU, and what was reported."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from dlcvlib.metrics import difference_of_means
from dlcvlib.metrics.course_iou import LAND_CLASSES
from dlcvlib.runs import Run
from dlcvlib.views.display import Picture, table_picture
from dlcvlib.views.records import NOTHING, entry, minutes_of, refuse_mixture, title_of


def best_iou(run: Run) -> float:
    """Mean IoU of the best epoch, in [0, 1].

    Raises:
        ValueError: the record names none.
    """
    value = entry(run, "best", "mean_iou")
    if value is None:
        raise ValueError(f"{run.path / 'run.json'} names no mean IoU: is it a finished segmentation (see `dlcv runs`)?")
    return float(value)


def iou_table(rows: Sequence[Run | Sequence[Run]]) -> Picture:
    """One row a system: the course's mean IoU at the best epoch, spread over seeds, each class, and what was reported.

    Where a report states single classes, they stand in a row of their own below ours.

    Args:
        rows: for each row a run, or several runs that differ in their seed only.

    Raises:
        ValueError: no row, one without a run or of different recipes or profiles, or a run without a mean IoU.
    """
    if not rows:
        raise ValueError("a table of IoU needs at least one run")
    table = []
    for row in rows:
        runs = [row] if isinstance(row, Run) else list(row)
        table.append(_row(runs))
        if stated := entry(runs[0], "recipe", "reported_classes"):
            report = entry(runs[0], "recipe", "report")
            table.append(
                {"system": f"as {report} reports it", "mean IoU": entry(runs[0], "recipe", "reported"), **stated}
            )
    frame = pd.DataFrame(table)
    best = frame.loc[frame["seeds"].notna()].sort_values("mean IoU").iloc[-1]
    caption = (
        "Mean IoU as the course counts it, at the best epoch, which is chosen on the same validation images and so "
        "flatters a little; spread: standard deviation over seeds; then each class's own IoU. "
        f"The highest is {best['system']} with {best['mean IoU']:.3f}."
    )
    if frame["form"].eq("reduced").any():
        caption += (
            " “Smallest” marks a stand-in for the reported network: its value is not to be held against the report's."
        )
    return table_picture(frame.astype(object).where(frame.notna(), math.nan), caption=caption)


def _row(runs: list[Run]) -> dict[str, object]:
    refuse_mixture(runs)
    values = [best_iou(run) for run in runs]
    reported = entry(runs[0], "recipe", "reported")
    return {
        "system": title_of(runs[0]),
        "mean IoU": float(np.mean(values)),
        "spread": float(np.std(values, ddof=1)) if len(values) > 1 else math.nan,
        "seeds": len(values),
        "reported": math.nan if reported is None else float(reported),
        **{name: _class_mean(runs, name) for name in LAND_CLASSES},
        "starts from": entry(runs[0], "start", "title") or entry(runs[0], "start", "from") or NOTHING,
        "parameters": f"{parameters:,}" if (parameters := entry(runs[0], "parameters")) else NOTHING,
        "form": entry(runs[0], "recipe", "form") or NOTHING,
        "minutes": minutes_of(runs),
    }


def _class_mean(runs: list[Run], name: str) -> float:
    values = [entry(run, "best", f"iou_{name.lower()}") for run in runs]
    present = [value for value in values if value is not None]
    return float(np.mean(present)) if present else math.nan


def iou_in_words(rows: Sequence[Sequence[Run]]) -> str:
    """Each system against the first, as Markdown: the difference in mean IoU and whether it may be luck.

    Args:
        rows: for each system its runs, at least two seeds.

    Raises:
        ValueError: fewer than two systems, or a system with one seed.
    """
    if len(rows) < 2:
        raise ValueError("there is nothing to compare: give at least two systems")
    first = [best_iou(run) for run in rows[0]]
    lines = []
    for runs in rows[1:]:
        difference = difference_of_means([best_iou(run) for run in runs], first)
        verdict = "clear, more than two standard errors" if difference.clear else "may be luck"
        lines.append(
            f"- **{title_of(runs[0])}** against {title_of(rows[0][0])}: {100 * difference.value:+.1f} points of mean "
            f"IoU with a standard error of {100 * difference.error:.1f} over {len(runs)} and {len(first)} seeds: "
            f"{verdict}."
        )
    return "\n".join(lines)
