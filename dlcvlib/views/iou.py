"""Table of segmentations: mean IoU with its standard deviation, IoU of each class, and the reported values."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dlcvlib.course import REPORTED, REPORTED_CLASSES
from dlcvlib.metrics import difference_of_means
from dlcvlib.metrics.course_iou import LAND_CLASSES
from dlcvlib.runs import Run, group_of
from dlcvlib.views.display import Picture, table_picture
from dlcvlib.views.records import NOTHING, REDUCED, minutes_of, title_of
from dlcvlib.views.shared_rows import Row, shared_in_words, shared_rows


def iou_table(rows: Sequence[Run | Sequence[Run]]) -> Picture:
    """Return a table of systems: the course's mean IoU at the best epoch, its standard deviation, each class's IoU.

    Classes that a report states have a row of their own below ours. Systems of equal settings are one run, and one row.

    Args:
        rows: for each row a run, or several runs that differ in their seed only.

    Raises:
        ValueError: no row, one without a run or of different recipes or profiles, or a run without a mean IoU.
    """
    if not rows:
        raise ValueError("a table of IoU needs at least one run")
    table = []
    shared = shared_rows(rows, "mean_iou")
    for row in shared:
        table.append(_cells(row))
        for group in row.groups:
            name = group.entry("recipe", "name")
            if stated := REPORTED_CLASSES.get(name):
                report = group.entry("recipe", "report")
                table.append({"system": f"as {report} reports it", "mean IoU": REPORTED[name], **stated})
    frame = pd.DataFrame(table)
    best = frame.loc[frame["seeds"].notna()].sort_values("mean IoU").iloc[-1]
    caption = (
        "Mean IoU as the course counts it, at the best epoch, which is chosen on the same validation images and so "
        "flatters a little; std: standard deviation over seeds; then each class's own IoU. "
        f"The highest is {best['system']} with {best['mean IoU']:.3f}."
    )
    if frame["form"].eq("reduced").any():
        caption += REDUCED
    caption += shared_in_words(shared)
    return table_picture(frame, caption=caption)


def _cells(row: Row) -> dict[str, object]:
    group = row.group
    return {
        "system": row.title,
        "mean IoU": group.mean,
        "std": group.std,
        "seeds": len(group.runs),
        "reported": row.reported,
        **{name: group.class_mean(name) for name in LAND_CLASSES},
        "starts from": group.entry("start", "title") or group.entry("start", "from") or NOTHING,
        "parameters": f"{parameters:,}" if (parameters := group.entry("parameters")) else NOTHING,
        "form": group.entry("recipe", "form") or NOTHING,
        "minutes": minutes_of(group),
    }


def iou_in_words(rows: Sequence[Sequence[Run]]) -> str:
    """Return the differences in mean IoU from the first system with their standard errors, as Markdown.

    Args:
        rows: for each system its runs, of at least two seeds.

    Raises:
        ValueError: fewer than two systems, or a system with one seed.
    """
    if len(rows) < 2:
        raise ValueError("there is nothing to compare: give at least two systems")
    first = group_of(rows[0], "mean_iou").values
    lines = []
    for runs in rows[1:]:
        if len(shared_rows([rows[0], runs], "mean_iou")) == 1:
            words = "one run here, since this profile makes their settings equal"
            lines.append(f"- **{title_of(runs[0])}** against {title_of(rows[0][0])}: {words}.")
            continue
        difference = difference_of_means(group_of(runs, "mean_iou").values, first)
        verdict = "clear, more than two standard errors" if difference.clear else "may be luck"
        lines.append(
            f"- **{title_of(runs[0])}** against {title_of(rows[0][0])}: {100 * difference.value:+.1f} points of mean "
            f"IoU with a standard error of {100 * difference.error:.1f} over {len(runs)} and {len(first)} seeds: "
            f"{verdict}."
        )
    return "\n".join(lines)
