"""Table of the fine-tuning settings: a row for each series, a column for each setting."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dlcvlib.course import EXTRA, REPORTED, SETTINGS, mark_of
from dlcvlib.recipes import SERIES
from dlcvlib.report.collect import System, made_on
from dlcvlib.report.lines import lines_of
from dlcvlib.report.tables import caption_of, number
from dlcvlib.runs import Group
from dlcvlib.views import Picture, table_picture
from dlcvlib.views.table_html import Noted

READINGS = {"mini": "best known, 128 px", "dino": "best known, 2025"}
MISSING = "missing"
TITLES = {recipe.name: series.title for series in SERIES.values() for recipe in series.recipes()}


def series_title(name: str) -> str | None:
    """Return the title of the series of settings that a recipe belongs to; None if it belongs to none."""
    return TITLES.get(name)


def settings_matrix(systems: Sequence[System]) -> Picture:
    """Return a table of fine-tuning settings, with the best known values of both readings of the course below.

    Below a value stand its standard deviation, its mark and the reported value. Recorded results have their own rows.

    Args:
        systems: fine-tuned systems.

    Raises:
        ValueError: no system.
    """
    caption = caption_of(systems)
    first = {system.recipe.name: line.systems[0] for line in lines_of(systems) for system in line.systems}
    if any(shared.recipe.name != name for name, shared in first.items()):
        caption += " “=”: one run with that series, since this profile makes the settings of both equal."
    rows: dict[tuple[str, str], dict[str, Noted]] = {}
    for system in systems:
        setting, shared = _setting(system), first[system.recipe.name]
        rows.setdefault((_series(system), ""), {})[setting] = (
            Noted(f"= {_series(shared)}", _reported(system)) if shared is not system else _cell(system.here, system)
        )
        for result in (each for each in system.results if not each.runs):
            row = rows.setdefault((_series(system), f"recorded: {made_on(result)}"), {})
            row[setting] = _cell(result, system)
    for supplied, title in READINGS.items():
        marks = {_setting(each): mark_of(each.recipe) for each in systems if _supplied(each) == supplied}
        if known := {setting: Noted(number(mark.value), "") for setting, mark in marks.items() if mark}:
            rows[title, ""] = known
    rows = {key: row for key, row in rows.items() if any(cell.text != MISSING for cell in row.values())} or rows
    order = [setting for setting in (*SETTINGS, *EXTRA) if any(setting in row for row in rows.values())]
    table: list[dict[str, object]] = [
        {"series": Noted(*key), **{setting: row.get(setting) for setting in order}} for key, row in rows.items()
    ]
    return table_picture(pd.DataFrame(table), caption=caption)


def _cell(result: Group | None, system: System) -> Noted:
    if result is None:
        return Noted(MISSING, _reported(system))
    deviation = "" if result.std is None else f"± {result.std:.3f}"
    notes = (f"{deviation}{result.mark}".strip(), _reported(system) if result.runs else "")
    return Noted(f"{result.mean:.3f}", ", ".join(filter(None, notes)))


def _reported(system: System) -> str:
    value = REPORTED.get(system.recipe.name)
    return "" if value is None else f"reported {number(value)}"


def _series(system: System) -> str:
    """Return the title of the series that a fine-tuned system belongs to."""
    return series_title(system.recipe.name) or system.recipe.report


def _setting(system: System) -> str:
    return str(getattr(system.recipe, "setting", None))


def _supplied(system: System) -> str | None:
    return getattr(system.recipe, "supplied", None)
