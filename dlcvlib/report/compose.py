"""The report, composed from what records there are: report by report, or in the order of an edition's questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from dlcvlib.recipes import Recipe, SegmentationRecipe
from dlcvlib.recipes.questions import NAMED_IMAGES
from dlcvlib.report import chapters, tables
from dlcvlib.report.collect import Shelf, System
from dlcvlib.report.pictures import Block, pictures
from dlcvlib.report.rows import PICTURES_ONLY, REPORTS, Answer, answers, of_edition, of_report

DETAILED = ("model_a", "model_b", "byol", "dino", "fcn32s", "unet", "improved")
"""Questions that ask how the systems were trained."""
COLUMNS = 3  # systems side by side in a table of settings


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it; `level` 2 is a report or a question of an edition, 3 a part of it."""

    title: str
    blocks: tuple[Block, ...] = ()
    level: int = 2


def by_report(shelf: Shelf, *, make_maps: bool = False) -> list[Section]:
    """R1 to R5 and ours, each with its questions; then what is missing, and what the best known values are of."""
    sections = []
    for report in REPORTS:
        sections += of_one(shelf, report, make_maps=make_maps)
    return [*sections, *_closing(shelf, answers())]


def of_one(shelf: Shelf, report: str, *, make_maps: bool = False) -> list[Section]:
    """One report: a section of its own, then one a question.

    Raises:
        ValueError: no such report.
    """
    name = "Ours" if report == "ours" else report
    return [
        Section(f"{name}: {REPORTS[report]}"),
        *(
            Section(_capital(answer.question.asked), _blocks(answer, shelf, make_maps=make_maps), 3)
            for answer in of_report(report)
        ),
    ]


def by_edition(shelf: Shelf, edition: int, *, make_maps: bool = False) -> list[Section]:
    """What an edition asks, in the order of its report, with the answers of every report and ours.

    Raises:
        ValueError: no such edition.
    """
    sections: list[Section] = []
    asked = of_edition(edition)
    for number, (question, given) in enumerate(asked, start=1):
        sections.append(Section(f"{number}. {_capital(question.asked)}"))
        show = partial(_blocks, shelf=shelf, named=NAMED_IMAGES[edition], make_maps=make_maps)
        sections += [Section("Ours" if each.report == "ours" else each.report, show(each), 3) for each in given]
    return [*sections, *_closing(shelf, [answer for _, given in asked for answer in given])]


def overview(shelf: Shelf, report: str) -> list[Block]:
    """The tables of one report without its pictures, and what answers a question without a training.

    Raises:
        ValueError: no such report.
    """
    blocks: list[Block] = []
    for answer in of_report(report):
        if answer.chapter is not None:
            blocks += [f"**{_capital(answer.question.asked)}**", chapters.blocks(answer.chapter)[0]]
        elif answer.question.key not in PICTURES_ONLY:
            blocks += [f"**{_capital(answer.question.asked)}**", *_tables(systems_of(shelf, [answer]))]
    return blocks


def systems_of(shelf: Shelf, given: Sequence[Answer]) -> list[System]:
    """The systems of some answers, each once."""
    found = {recipe.name: recipe for answer in given for recipe in answer.recipes}
    return [shelf.system(recipe) for recipe in found.values()]


def missing(shelf: Shelf) -> Block:
    """Every system without a finished record here, with the command that makes it; in words where there is none."""
    return tables.missing_table(systems_of(shelf, answers())) or "Nothing is missing: every system has its record."


def tally(shelf: Shelf, edition: int | None = None) -> str:
    """How many systems, of an edition or of all, have their record here, and which records are damaged."""
    given = [answer for answer in answers() if edition is None or edition in answer.question.editions]
    systems = systems_of(shelf, given)
    there = sum(system.here is not None for system in systems)
    damaged = "".join(f"\nleft out: {reason}" for system in systems for reason in system.damaged)
    return f"{there} of {len(systems)} systems have their record here; the others stand in it as missing{damaged}"


def _blocks(answer: Answer, shelf: Shelf, *, named: Sequence[str] = (), make_maps: bool = False) -> tuple[Block, ...]:
    if answer.chapter is not None:
        return tuple(chapters.blocks(answer.chapter))
    systems = systems_of(shelf, [answer])
    tabled = [] if answer.question.key in PICTURES_ONLY else _tables(systems)
    if answer.question.key in DETAILED:
        tabled += [tables.details_table(some) for some in _few_a_table(answer.recipes)]
    return (*tabled, *pictures(answer, systems, shelf, named=named, make_maps=make_maps))


def _few_a_table(given: Sequence[Recipe]) -> list[Sequence[Recipe]]:
    return [given[first : first + COLUMNS] for first in range(0, len(given), COLUMNS)]


def _tables(systems: Sequence[System]) -> list[Block]:
    by_class = isinstance(systems[0].recipe, SegmentationRecipe)
    found = [tables.systems_table(systems), tables.class_table(systems) if by_class else None]
    return [table for table in found if table is not None]


def _closing(shelf: Shelf, given: Sequence[Answer]) -> list[Section]:
    systems = systems_of(shelf, given)
    absent = tables.missing_table(systems) or "Nothing: every system has its record."
    damaged = [f"- {reason}" for system in systems for reason in system.damaged]
    return [
        Section("What is missing", (absent,)),
        *([Section("What was left out, being damaged", ("\n".join(damaged),))] if damaged else []),
        Section("What the best known values are of", (tables.marks_table(),)),
    ]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
