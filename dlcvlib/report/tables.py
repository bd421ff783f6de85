"""Tables of the report: our values beside the reported ones and the best known, and what is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from dlcvlib.metrics.course_iou import LAND_CLASSES
from dlcvlib.recipes import Recipe, SegmentationRecipe
from dlcvlib.recipes.marks import MARKS, Mark, mark_of
from dlcvlib.report.collect import System
from dlcvlib.report.result import KEPT, Result
from dlcvlib.views import Picture, recipes_overview, recipes_side_by_side, table_picture

NOTHING = "–"
AT_BEST = "at the best epoch, which is chosen on the same images"
MEASURES = {
    "val_accuracy": f"Accuracy on the validation images, {AT_BEST}",
    "mean_iou": f"The course's mean IoU on the validation images, {AT_BEST}",
    "knn": "kNN accuracy of held-out images after the last epoch, from features that saw no label",
}
DETAILS = (
    *("network", "pixels", "tiles", "epochs", "batch", "optimizer", "schedule"),
    *("starts from", "augmentation", "loss", "views", "head", "momentum"),
)


def systems_table(systems: Sequence[System]) -> Picture:
    """A row for each result of each system, or for its absence: our value, what it was made on, reported, best known.

    Args:
        systems: of one measure.

    Raises:
        ValueError: no system, or systems of different measures.
    """
    if not systems:
        raise ValueError("a table of systems needs at least one")
    results = [result for system in systems for result in system.results]
    if len({result.measure for result in results}) > 1:
        raise ValueError("systems that are judged by different measures cannot share a table")
    rows = [row for system in systems for row in _rows(system)]
    caption = [
        f"{MEASURES[results[0].measure]}: mean ± standard deviation over the seeds."
        if results
        else "No record is finished yet."
    ]
    if any(result.is_toy for result in results):
        caption.append("Values marked (toy) are of drawn images: they say nothing about the reported ones.")
    if any(result.is_of_others for result in results):
        caption.append("(other images): not as many as the course's validation images, so a stand-in for them.")
    if any(result.is_reduced for result in results):
        caption.append("“Smallest form”: a stand-in for the reported network.")
    if any(result.source == KEPT for result in results):
        caption.append("“Recorded”: a result that the book keeps, made elsewhere or earlier.")
    return table_picture(pd.DataFrame(rows), caption=" ".join(caption))


def details_table(given: Sequence[Recipe]) -> Picture:
    """The settings of systems as a report trained them, or as ours are meant for a GPU: one column a system.

    Args:
        given: recipes that were not read for a small profile.
    """
    shown = [name for name in DETAILS if name in recipes_overview(given).columns]
    table = recipes_side_by_side(given, shown)
    titles = {recipe.name: recipe.title for recipe in given}
    return table_picture(table.rename(columns=titles), caption="The full settings: those of a GPU, profile full.")


def class_table(systems: Sequence[System]) -> Picture | None:
    """IoU of each land class, ours and as a report states it; None where neither is known.

    Args:
        systems: segmentations.
    """
    rows = []
    for system in systems:
        assert isinstance(system.recipe, SegmentationRecipe)
        for result in system.results:
            rows.append(
                {"system": system.recipe.title, "made on": result.made_on}
                | {name: _value(result.class_mean(name), result.mark) for name in LAND_CLASSES}
            )
        if stated := system.recipe.reported_classes:
            rows.append(
                {"system": system.recipe.title, "made on": f"as {system.recipe.report} reports it"}
                | {name: _value(stated.get(name)) for name in LAND_CLASSES}
            )
    return table_picture(pd.DataFrame(rows), caption="IoU of each land class.") if rows else None


def missing_table(systems: Sequence[System]) -> Picture | None:
    """The systems without a finished record here, each with the command that makes it; None where all are there."""
    rows = [
        {
            "report": system.recipe.report,
            "system": system.recipe.title,
            "begun": "; ".join((*system.begun, *system.damaged)) or NOTHING,
            "shown instead": system.results[0].made_on if system.results else "nothing",
            "command": system.command,
        }
        for system in systems
        if system.here is None
    ]
    if not rows:
        return None
    caption = f"{len(rows)} of {len(systems)} systems have no finished record here; each command makes one."
    return table_picture(pd.DataFrame(rows), caption=caption)


def marks_table(marks: Sequence[Mark] = MARKS) -> Picture:
    """What “best known” is of."""
    rows = [
        {"row": mark.row, "best known": _value(mark.value), "how": mark.how, "source": mark.source} for mark in marks
    ]
    return table_picture(pd.DataFrame(rows), caption="The best that others reached on the same validation images.")


def _rows(system: System) -> list[dict[str, object]]:
    mark = mark_of(system.recipe)
    held_against = {
        "reported": _value(system.recipe.reported),
        "best known": _value(mark.value if mark else None),
    }
    title = {"system": system.recipe.title}
    if not system.results:
        waiting = f"{'; '.join(system.begun)}; go on: " if system.begun else ""
        absent = {"ours": "missing", "made on": f"{waiting}{system.command}", "seeds": 0}
        return [title | absent | held_against | {"minutes": NOTHING, "hardware": NOTHING}]
    return [title | _ours(result) | held_against | _cost(result) for result in system.results]


def _ours(result: Result) -> dict[str, object]:
    spread = f" ± {result.spread:.3f}" if result.spread is not None else ""
    return {
        "ours": f"{result.mean:.3f}{spread}{result.mark}",
        "made on": ("recorded: " if result.source == KEPT else "") + result.made_on,
        "seeds": len(result.made),
    }


def _cost(result: Result) -> dict[str, object]:
    return {"minutes": f"{result.minutes:.1f}", "hardware": result.hardware}


def _value(value: float | None, mark: str = "") -> str:
    """Three decimals, or four where three would round a reported value."""
    if value is None or math.isnan(value):
        return NOTHING
    three = mark or round(value, 3) == round(value, 6)
    return f"{value:.3f}{mark}" if three else f"{value:.4f}"
