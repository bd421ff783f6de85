"""Rows of tables of which several are one run: a profile can make the settings of several recipes equal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dlcvlib.course import REPORTED
from dlcvlib.runs import Group, Run, group_of
from dlcvlib.views.records import title_of


@dataclass(frozen=True)
class Row:
    """One row: a group of runs, read as one recipe or as several."""

    groups: tuple[Group, ...]

    @property
    def group(self) -> Group:
        """The group with most seeds."""
        return max(self.groups, key=lambda group: len(group.runs))

    @property
    def title(self) -> str:
        """Titles of all recipes, "FCN (R1)" and "FCN (R2)" as "FCN (R1, R2)"."""
        return joined_titles([title_of(group.runs[0]) for group in self.groups])

    @property
    def reports(self) -> str | None:
        """Reports of all recipes; None if none is recorded."""
        return (
            ", ".join(dict.fromkeys(filter(None, (group.entry("recipe", "report") for group in self.groups)))) or None
        )

    @property
    def reported(self) -> float | str | None:
        """Reported value; with its report if there are several recipes; None if there is none."""
        values = {group.entry("recipe", "report"): REPORTED.get(group.entry("recipe", "name")) for group in self.groups}
        if len(self.groups) == 1:
            return next(iter(values.values()))
        return ", ".join(f"{report} {value:.3f}" for report, value in values.items() if value is not None) or None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all recipes, that of the record too."""
        found = [group.entry(*keys) for keys in (("recipe", "name"), ("trained_as",)) for group in self.groups]
        return tuple(dict.fromkeys(str(name) for name in found if name))


def shared_rows(rows: Sequence[Run | Sequence[Run]], measure: str) -> list[Row]:
    """Return the rows of a table, those of the same runs as one, where the first of them stands.

    Args:
        rows: for each row a run, or several runs that differ in their seed only.
        measure: that the table compares.

    Raises:
        ValueError: as `dlcvlib.runs.group_of`.
    """
    found: list[Row] = []
    for row in rows:
        group = group_of(row, measure)
        same = next((index for index, other in enumerate(found) if one_run(group, other.group)), None)
        if same is None:
            found.append(Row((group,)))
        else:
            found[same] = Row((*found[same].groups, group))
    return found


def shared_in_words(rows: Sequence[Row]) -> str:
    """Return a sentence for a caption about recipes that are one run, after a space; "" if there are none."""
    equal = [" = ".join(row.names) for row in rows if len(row.names) > 1]
    if not equal:
        return ""
    return f" Equal settings in the profile {rows[0].group.profile}, so trained once: {'; '.join(equal)}."


def joined_titles(titles: Sequence[str]) -> str:
    """Join titles, those that differ in their last parentheses only into one."""
    parts: dict[str, list[str]] = {}
    for title in dict.fromkeys(titles):
        found = re.fullmatch(r"(.*) \(([^()]*)\)", title)
        parts.setdefault(found[1] if found else title, []).extend([found[2]] if found else [])
    return " = ".join(f"{base} ({', '.join(inner)})" if inner else base for base, inner in parts.items())


def one_run(first: Group, second: Group) -> bool:
    """Return True if one group has all runs of the other."""
    one, other = ({run.path for run in group.runs} for group in (first, second))
    return one <= other or other <= one
