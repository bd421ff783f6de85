"""Tables of the report: our values beside the reported ones and the best known, and the missing systems."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

import pandas as pd

from dlcvlib.claims import Judged
from dlcvlib.course import MARKS, MEASURES, REPORTED, REPORTED_CLASSES, mark_of
from dlcvlib.metrics.course_iou import LAND_CLASSES
from dlcvlib.recipes import Recipe
from dlcvlib.report.collect import System, made_on
from dlcvlib.runs import Group
from dlcvlib.views import Picture, recipes_overview, recipes_side_by_side, table_picture

NOTHING = "–"
SETTINGS = (
    *("network", "pixels", "tiles", "epochs", "batch", "optimizer", "schedule"),
    *("starts from", "augmentation", "loss", "views", "head", "momentum"),
)


def systems_table(systems: Sequence[System]) -> Picture:
    """Return a table with a row for each result: our value, its data, the reported value and the best known.

    Args:
        systems: systems of one measure.

    Raises:
        ValueError: no system, or systems of different measures.
    """
    if not systems:
        raise ValueError("a table of systems needs at least one")
    results = [result for system in systems for result in system.results]
    if len({result.measure for result in results}) > 1:
        raise ValueError("systems of different measures cannot share a table")
    rows = [row for system in systems for row in _rows(system)]
    caption = ["No record is finished yet."]
    if results:
        measure = MEASURES[results[0].measure]
        caption = [f"Mean ± standard deviation over the seeds: {measure.name} {measure.taken}."]
    if any(result.is_toy for result in results):
        caption.append("Values marked (toy) are of drawn images and cannot be compared with the reported ones.")
    if any("other" in result.mark for result in results):
        caption.append("(other images): not the course's number of validation images, so a stand-in for them.")
    if any(result.is_reduced for result in results):
        caption.append("“Reduced network”: a stand-in for the reported network.")
    if any(result.entry("trained_as") for result in results):
        caption.append("“One run with”: the settings of both are equal in this profile, so they were trained once.")
    if any(not result.runs for result in results):
        caption.append("“Recorded”: a result that the book holds, made elsewhere or earlier.")
    return table_picture(pd.DataFrame(rows), caption=" ".join(caption))


def details_table(given: Sequence[Recipe]) -> Picture:
    """Return a table of the full settings, with a column for each system.

    Args:
        given: recipes as they are before any profile.
    """
    shown = [name for name in SETTINGS if name in recipes_overview(given).columns]
    table = recipes_side_by_side(given, shown)
    titles = {recipe.name: recipe.title for recipe in given}
    return table_picture(table.rename(columns=titles), caption="The full settings: those of a GPU, profile full.")


def class_table(systems: Sequence[System]) -> Picture | None:
    """Return a table of the IoU of each land class, ours and as a report states it; None if neither is known.

    Args:
        systems: segmentations.
    """
    rows = []
    for recipe, results in ((system.recipe, system.results) for system in systems):
        for result in results:
            rows.append(
                {"system": recipe.title, "made on": made_on(result)}
                | {name: _value(result.class_mean(name), result.mark) for name in LAND_CLASSES}
            )
        if stated := REPORTED_CLASSES.get(recipe.name):
            rows.append(
                {"system": recipe.title, "made on": f"as {recipe.report} reports it"}
                | {name: _value(stated.get(name)) for name in LAND_CLASSES}
            )
    return table_picture(pd.DataFrame(rows), caption="IoU of each land class.") if rows else None


def missing_table(systems: Sequence[System]) -> Picture | None:
    """Return a table of the systems without a finished record, each with its command; None if all are there."""
    rows = [
        {
            "report": system.recipe.report,
            "system": system.recipe.title,
            "begun": "; ".join((*system.unfinished, *system.damaged)) or NOTHING,
            "shown instead": made_on(system.results[0]) if system.results else "nothing",
            "command": system.command,
        }
        for system in systems
        if system.here is None
    ]
    if not rows:
        return None
    caption = f"{len(rows)} of {len(systems)} systems have no finished record here; each command makes one."
    return table_picture(pd.DataFrame(rows), caption=caption)


def marks_table() -> Picture:
    """Return a table of the best known values and their sources."""
    rows = [
        {"row": mark.row, "best known": _value(mark.value), "how": mark.how, "source": mark.source} for mark in MARKS
    ]
    return table_picture(pd.DataFrame(rows), caption="The best that others reached on the same validation images.")


def claims_table(judged: Sequence[Judged]) -> Picture:
    """Return a table of claims about the toy world: both values, their difference with its interval, the verdict."""
    rows = [
        {
            "claim": f"{each.claim.chapter}: {each.claim.says}",
            "verdict": each.verdict,
            "higher": fmean(each.higher) if each.higher else None,
            "lower": fmean(each.lower) if each.lower else None,
            "difference": NOTHING if not each.differences else _difference(each),
            "seeds": len(each.differences),
        }
        for each in judged
    ]
    held = sum(each.verdict == "holds" for each in judged)
    caption = (
        f"{held} of {len(rows)} claims hold. Differences are means over the seeds, with an interval of 95 %: from the "
        "seeds themselves, or for a single seed from the deviation measured once over several trainings."
    )
    return table_picture(pd.DataFrame(rows), caption=caption)


def _difference(judged: Judged) -> str:
    return f"{judged.mean:.3f}" + ("" if judged.half_width is None else f" ± {judged.half_width:.3f}")


def capital(text: str) -> str:
    """Return `text` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def _rows(system: System) -> list[dict[str, object]]:
    mark = mark_of(system.recipe)
    others = {
        "reported": _value(REPORTED.get(system.recipe.name)),
        "best known": _value(mark.value if mark else None),
    }
    title = {"system": system.recipe.title}
    if not system.results:
        begun = f"{'; '.join(system.unfinished)}; resume: " if system.unfinished else ""
        absent = {"ours": "missing", "made on": f"{begun}{system.command}", "seeds": 0}
        return [title | absent | others | {"minutes": NOTHING, "hardware": NOTHING}]
    return [
        title | _ours(result) | others | {"minutes": f"{result.minutes:.1f}", "hardware": result.hardware}
        for result in system.results
    ]


def _ours(result: Group) -> dict[str, object]:
    std = f" ± {result.std:.3f}" if result.std is not None else ""
    return {
        "ours": f"{result.mean:.3f}{std}{result.mark}",
        "made on": ("" if result.runs else "recorded: ") + made_on(result),
        "seeds": len(result.infos),
    }


def _value(value: float | None, mark: str = "") -> str:
    """Return three decimals, or four where three would round a reported value."""
    if value is None or math.isnan(value):
        return NOTHING
    three = mark or round(value, 3) == round(value, 6)
    return f"{value:.3f}{mark}" if three else f"{value:.4f}"
