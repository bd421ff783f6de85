"""Tables of the settings that ran, beside a report's own where they differ."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dlcvlib import recipes
from dlcvlib.recipes import Recipe
from dlcvlib.report.collect import System
from dlcvlib.report.lines import lines_of, titled
from dlcvlib.runs.starts import start_in_words
from dlcvlib.views import Picture, recipes_overview, recipes_side_by_side, table_picture
from dlcvlib.views.table_html import Noted

COLUMNS = 4  # systems side by side
SETTINGS = (
    *("network", "pixels", "tiles", "epochs", "batch", "optimizer", "schedule"),
    *("starts from", "augmentation", "loss", "views", "head", "momentum"),
)


def settings_tables(systems: Sequence[System], profile: str) -> list[Picture]:
    """Return tables with a column for each system: the setting that ran, and below it the report's own if it differs.

    Args:
        systems: systems of one kind; of a system without a record the settings of `profile` are shown.
    """
    first = [line.systems[0] for line in lines_of(systems)]
    return [_table(first[start : start + COLUMNS], profile) for start in range(0, len(first), COLUMNS)]


def _table(systems: Sequence[System], profile: str) -> Picture:
    own = [system.recipe for system in systems]
    ran = [_ran(system, profile) for system in systems]
    shown = [name for name in SETTINGS if name in recipes_overview(own).columns]
    table, stated = recipes_side_by_side(ran, shown), recipes_side_by_side(own, shown)
    for column, system in zip(table.columns[1:], systems, strict=True):
        if system.here is not None:  # the record, not the recipe, says what the weights were
            table.loc[table["setting"] == "starts from", column] = start_in_words(system.here.infos[0])
    cells = {name: [_cell(*both) for both in zip(table[name], stated[name], strict=True)] for name in table.columns[1:]}
    table = pd.DataFrame({"setting": table["setting"], **cells})
    titles = {system.recipe.name: titled(system) for system in systems}
    missing = [titles[system.recipe.name] for system in systems if system.here is None]
    caption = "The settings that ran; where the recipe of the profile full differs, its own stands below."
    if missing:
        caption += f" Not run here, so as the profile {profile} would: {', '.join(missing)}."
    return table_picture(table.rename(columns=titles), caption=caption)


def _ran(system: System, profile: str) -> Recipe:
    """Return the recipe of the record; of a system without one, or with a record of other settings, of `profile`."""
    if system.here is not None:
        try:
            return recipes.recorded(system.here.infos[0]["recipe"])
        except (KeyError, TypeError, ValueError):  # a setting that this version does not know
            pass
    return system.recipe.for_profile(profile)


def _cell(ran: str, full: str) -> Noted:
    return Noted(ran or "–", "" if ran == full else f"full: {full or '–'}")
