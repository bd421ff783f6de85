"""Table of segmentations: mean IoU with its standard deviation, IoU of each class, and the reported values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dlcvlib.counting import counted
from dlcvlib.course import REPORTED, REPORTED_CLASSES
from dlcvlib.metrics.course_iou import LAND_CLASSES
from dlcvlib.runs import Run
from dlcvlib.views.display import Picture, table_picture
from dlcvlib.views.provenance import explained, noted, provenance
from dlcvlib.views.records import REDUCED
from dlcvlib.views.shared_rows import Row, shared_in_words, shared_rows

SHORT_NAMES = {"Agriculture": "Agri\u00adculture", "Rangeland": "Range\u00adland"}
"""Names with a place for a hyphen, which narrow columns need."""


def class_columns(values: Mapping[str, object]) -> dict[str, object]:
    """Return a value for each land class, by names that can be hyphenated."""
    return {SHORT_NAMES.get(name, name): value for name, value in values.items()}


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
    table: list[dict[str, object]] = []
    made: list[dict[str, str]] = []
    shared = shared_rows(rows, "mean_iou")
    for row in shared:
        table.append(_cells(row))
        parameters = row.group.entry("parameters")
        made.append(provenance(row.group) | ({"parameters": counted(parameters, "parameter")} if parameters else {}))
        for group in row.groups:
            name = group.entry("recipe", "name")
            if stated := REPORTED_CLASSES.get(name):
                report = group.entry("recipe", "report")
                table.append({"system": f"as {report} reports it", "mean IoU": REPORTED[name], **class_columns(stated)})
                made.append({})
    best = max(shared, key=lambda row: row.group.mean)
    frame, same = noted(table, made)
    caption = (
        "Mean IoU as the course counts it, at the best epoch, which is chosen on the same validation images and so "
        f"flatters; then each class's own IoU.{explained(frame)} "
        f"The highest is {best.title} with {best.group.mean:.3f}.{same}"
    )
    if any(row.group.is_reduced for row in shared):
        caption += REDUCED
    return table_picture(frame, caption=caption + shared_in_words(shared))


def _cells(row: Row) -> dict[str, object]:
    group = row.group
    return {
        "system": row.title,
        "mean IoU": group.mean,
        "std": group.std,
        "reported": row.reported,
        **class_columns({name: group.class_mean(name) for name in LAND_CLASSES}),
    }
