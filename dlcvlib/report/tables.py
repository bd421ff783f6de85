"""Tables of the report: our values beside the reported ones and the best known, and the missing systems."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

import pandas as pd

from dlcvlib.claims import Judged
from dlcvlib.counting import counted
from dlcvlib.course import MARKS, MEASURES, REPORTED_CLASSES
from dlcvlib.metrics.course_iou import LAND_CLASSES
from dlcvlib.report.collect import System, made_on
from dlcvlib.report.lines import lines_of, titled
from dlcvlib.runs import Group
from dlcvlib.views import Picture, table_picture
from dlcvlib.views.iou import class_columns
from dlcvlib.views.table_html import Noted

NOTHING = "–"


def systems_table(systems: Sequence[System]) -> Picture:
    """Return a table with a row for each run: our value here, recorded ones, the reported and the best known.

    Args:
        systems: systems of one measure.

    Raises:
        ValueError: no system, or systems of different measures.
    """
    rows = [
        {
            "system": line.title,
            "here": value_of(line.here) if line.here else "missing",
            "recorded": "; ".join(map(value_of, line.recorded)) or None,
            "reported": stated(line.reported),
            "best known": None if line.best_known is None else number(line.best_known),
        }
        for line in lines_of(systems)
    ]
    frame = pd.DataFrame(rows)
    empty = [name for name in ("recorded", "reported", "best known") if name in frame and frame[name].isna().all()]
    return table_picture(frame.drop(columns=empty), caption=caption_of(systems))


def made_table(systems: Sequence[System]) -> Picture | None:
    """Return a table of the data, profile, seeds, minutes and hardware of each value; None if there is none.

    Args:
        systems: systems of one measure.
    """
    rows = [
        {
            "system": line.title,
            "value": value_of(result),
            "made on": ("" if result.runs else "recorded: ") + made_on(result),
            "seeds": len(result.infos),
            "minutes": f"{result.minutes:.1f}",
            "hardware": result.hardware,
        }
        for line in lines_of(systems)
        for result in line.results
    ]
    if not rows:
        return None
    caption = "What each value was made with; minutes are those of one training."
    if len(rows) > 1 and len(hardware := {str(row["hardware"]) for row in rows}) == 1:
        caption += f" All on {hardware.pop()}."
        rows = [{name: cell for name, cell in row.items() if name != "hardware"} for row in rows]
    return table_picture(pd.DataFrame(rows), caption=caption)


def class_table(systems: Sequence[System]) -> Picture | None:
    """Return a table of the IoU of each land class, ours and as a report states it; None if neither is known.

    Args:
        systems: segmentations.
    """
    rows = []
    for line in lines_of(systems):
        rows += [
            {"system": Noted(line.title, made_on(result))}
            | class_columns({name: number(result.class_mean(name), result.mark) for name in LAND_CLASSES})
            for result in line.results
        ]
        for system in line.systems:
            if classes := REPORTED_CLASSES.get(system.recipe.name):
                title = Noted(titled(system), f"as {system.recipe.report} reports it")
                rows.append(
                    {"system": title} | class_columns({name: number(classes.get(name)) for name in LAND_CLASSES})
                )
    return table_picture(pd.DataFrame(rows), caption="IoU of each land class.") if rows else None


def missing_table(systems: Sequence[System]) -> Picture | None:
    """Return a table of the systems without a finished record, each with its command; None if all are there."""
    rows = [
        {
            "system": titled(system),
            "begun": "; ".join((*system.unfinished, *system.damaged)) or NOTHING,
            "shown instead": made_on(system.results[0]) if system.results else "nothing",
            "command": system.command,
        }
        for system in systems
        if system.here is None
    ]
    if not rows:
        return None
    has = "has" if len(rows) == 1 else "have"
    caption = f"{len(rows)} of {counted(len(systems), 'system')} {has} no finished record here; each command makes one."
    return table_picture(pd.DataFrame(rows), caption=caption)


def marks_table() -> Picture:
    """Return a table of the best known values and their sources."""
    rows = [{"row": mark.row, "best known": number(mark.value), "how": mark.how} for mark in MARKS]
    sources = "; ".join(dict.fromkeys(mark.source for mark in MARKS))
    caption = f"The best that others reached on the same validation images. Source: {sources}."
    return table_picture(pd.DataFrame(rows), caption=caption)


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


def caption_of(systems: Sequence[System]) -> str:
    """Return the caption of a table of systems.

    Raises:
        ValueError: no system, or systems of different measures.
    """
    if not systems:
        raise ValueError("a table of systems needs at least one")
    results = [result for system in systems for result in system.results]
    measures = {result.measure for result in results}
    if len(measures) > 1:
        raise ValueError("systems of different measures cannot share a table")
    if not results:
        return "No record is finished yet."
    measure = MEASURES[measures.pop()]
    caption = [f"Mean ± standard deviation over the seeds: {measure.name} {measure.taken}."]
    if any(result.is_toy for result in results):
        caption.append("Values marked (toy) are of drawn images and cannot be compared with the reported ones.")
    if any("other" in result.mark for result in results):
        caption.append("(other images): not the course's number of validation images, so a stand-in for them.")
    if any(result.is_reduced for result in results if result.runs):
        caption.append("The networks here are reduced ones, stand-ins for the reported.")
    if recorded := [result for result in results if not result.runs]:
        folders = ", ".join(sorted({f"{result.data}, profile {result.profile}" for result in recorded}))
        caption.append(f"“Recorded”: results that the book holds, made elsewhere or earlier ({folders}).")
    return " ".join(caption)


def stated(values: dict[str, float]) -> str | None:
    """Return reported values, with their reports if there are several; None if there is none."""
    if len(values) == 1:
        return number(next(iter(values.values())))
    return ", ".join(f"{report} {number(value)}" for report, value in values.items()) or None


def value_of(result: Group) -> str:
    """Return the mean of a result, its standard deviation, and the mark of images that are not the course's own."""
    std = f" ± {result.std:.3f}" if result.std is not None else ""
    return f"{result.mean:.3f}{std}{result.mark}"


def number(value: float | None, mark: str = "") -> str:
    """Return three decimals, or four where three would round a reported value."""
    if value is None or math.isnan(value):
        return NOTHING
    three = mark or round(value, 3) == round(value, 6)
    return f"{value:.3f}{mark}" if three else f"{value:.4f}"
