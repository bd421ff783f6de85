"""Lines of a table of systems: those that are one run are one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dlcvlib.course import REPORTED, mark_of
from dlcvlib.report.collect import System
from dlcvlib.runs import Group
from dlcvlib.views.shared_rows import joined_titles, one_run


@dataclass(frozen=True)
class Line:
    """Systems of one run: equal settings in a profile, trained once."""

    systems: tuple[System, ...]

    @property
    def title(self) -> str:
        """Titles of all systems, each with its report."""
        return joined_titles([titled(system) for system in self.systems])

    @property
    def here(self) -> Group | None:
        """Result of the run records, of the system with most seeds; None if there is none."""
        found = [system.here for system in self.systems if system.here]
        return max(found, key=lambda group: len(group.runs), default=None)

    @property
    def recorded(self) -> list[Group]:
        """Recorded results of all systems."""
        return [result for system in self.systems for result in system.results if not result.runs]

    @property
    def results(self) -> list[Group]:
        """Result of the run records, then the recorded ones."""
        return ([self.here] if self.here else []) + self.recorded

    @property
    def reported(self) -> dict[str, float]:
        """Reported value of each report that states one."""
        values = {system.recipe.report: REPORTED.get(system.recipe.name) for system in self.systems}
        return {report: value for report, value in values.items() if value is not None}

    @property
    def best_known(self) -> float | None:
        """Best known value; None if nobody published one."""
        return next((mark.value for system in self.systems if (mark := mark_of(system.recipe))), None)


def lines_of(systems: Sequence[System]) -> list[Line]:
    """Return the lines of some systems, each where its first system stands."""
    found: list[Line] = []
    for system in systems:
        same = next((index for index, line in enumerate(found) if _is_one_run(line, system)), None)
        if same is None:
            found.append(Line((system,)))
        else:
            found[same] = Line((*found[same].systems, system))
    return found


def titled(system: System) -> str:
    """Return the title of a system with its report."""
    title, report = system.recipe.title, system.recipe.report
    return title if report in title else f"{title} ({report})"


def _is_one_run(line: Line, system: System) -> bool:
    return line.here is not None and system.here is not None and one_run(line.here, system.here)
