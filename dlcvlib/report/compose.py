"""The report, composed report by report, or in the order of an edition's questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dlcvlib.course import NAMED_IMAGES, REPORTS
from dlcvlib.report import chapters, tables
from dlcvlib.report.answers import Answer, answers, of_edition, of_report
from dlcvlib.report.collect import Sources, System
from dlcvlib.report.pictures import Block, Shown, pictures
from dlcvlib.report.tables import capital

COLUMNS = 3  # systems side by side in a table of settings
TABLES: dict[str, Callable[[Sequence[System]], Sequence[Block | None]]] = {
    "table": lambda systems: [tables.systems_table(systems)],
    "classes": lambda systems: [tables.class_table(systems)],
    "full settings": lambda systems: [
        tables.details_table([system.recipe for system in systems[first : first + COLUMNS]])
        for first in range(0, len(systems), COLUMNS)
    ],
}
"""Tables by their name in `Question.shows`."""


@dataclass(frozen=True)
class Section:
    """A heading and the blocks below it; `level` 2 is a report or a question of an edition, 3 a part of it."""

    title: str
    blocks: tuple[Block, ...] = ()
    level: int = 2


def by_report(sources: Sources, *, make_maps: bool = False) -> list[Section]:
    """Return the sections of R1 to R5 and ours, then the missing systems and the best known values."""
    sections = [section for report in REPORTS for section in of_one(sources, report, make_maps=make_maps)]
    return [*sections, *_closing(sources, answers())]


def of_one(sources: Sources, report: str, *, make_maps: bool = False) -> list[Section]:
    """Return the sections of one report: its heading, then one a question.

    Raises:
        ValueError: no such report.
    """
    given = of_report(report)
    return [
        Section(f"{capital(report)}: {REPORTS[report]}"),
        *(Section(capital(each.question.text), _blocks(each, sources, make_maps=make_maps), 3) for each in given),
    ]


def by_edition(sources: Sources, edition: int, *, make_maps: bool = False) -> list[Section]:
    """Return the questions of an edition in its order, with the answers of every report and ours.

    Raises:
        ValueError: no such edition.
    """
    sections: list[Section] = []
    asked = of_edition(edition)
    for number, (question, given) in enumerate(asked, start=1):
        sections.append(Section(f"{number}. {capital(question.text)}"))
        for answer in given:
            shown = _blocks(answer, sources, named=NAMED_IMAGES[edition], make_maps=make_maps)
            sections.append(Section(capital(answer.report), shown, 3))
    return [*sections, *_closing(sources, [answer for _, given in asked for answer in given])]


def overview(sources: Sources, report: str) -> list[Block]:
    """Return the tables of one report without its pictures, and the answers by a chapter without its figures.

    Raises:
        ValueError: no such report.
    """
    found: list[Block] = []
    for answer in of_report(report):
        values = [name for name in answer.question.shows if name in ("table", "classes")]
        blocks = _tables(systems_of(sources, [answer]), values)
        if answer.chapter is not None:
            blocks = chapters.blocks(answer.chapter)[:1]
        if blocks:
            found += [f"**{capital(answer.question.text)}**", *blocks]
    return found


def systems_of(sources: Sources, given: Sequence[Answer]) -> list[System]:
    """Return the systems of some answers, each once."""
    found = {recipe.name: recipe for answer in given for recipe in answer.recipes}
    return [sources.system(recipe) for recipe in found.values()]


def missing(sources: Sources) -> Block:
    """Return a table of the systems without a finished record, with the commands that make them; a text if none."""
    return tables.missing_table(systems_of(sources, answers())) or "Nothing is missing: every system has its record."


def tally(sources: Sources, edition: int | None = None) -> str:
    """Return how many systems, of an edition or of all, have their record here, and the damaged records, in words."""
    given = [answer for answer in answers() if edition is None or edition in answer.question.editions]
    systems = systems_of(sources, given)
    there = sum(system.here is not None for system in systems)
    damaged = "".join(f"\nleft out: {reason}" for system in systems for reason in system.damaged)
    return f"{there} of {len(systems)} systems have their record here; the others stand in it as missing{damaged}"


def _blocks(
    answer: Answer, sources: Sources, *, named: Sequence[str] = (), make_maps: bool = False
) -> tuple[Block, ...]:
    if answer.chapter is not None:
        return tuple(chapters.blocks(answer.chapter))
    systems = systems_of(sources, [answer])
    tabled = _tables(systems, answer.question.shows)
    return (*tabled, *pictures(Shown(answer, systems, sources, named, make_maps)))


def _tables(systems: Sequence[System], names: Sequence[str]) -> list[Block]:
    found = [table for name in names if name in TABLES for table in TABLES[name](systems)]
    return [table for table in found if table is not None]


def _closing(sources: Sources, given: Sequence[Answer]) -> list[Section]:
    systems = systems_of(sources, given)
    absent = tables.missing_table(systems) or "Nothing: every system has its record."
    damaged = [f"- {reason}" for system in systems for reason in system.damaged]
    return [
        Section("What is missing", (absent,)),
        *([Section("What was left out, being damaged", ("\n".join(damaged),))] if damaged else []),
        Section("What the best known values are of", (tables.marks_table(),)),
    ]
