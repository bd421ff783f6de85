"""The report, composed question by question: all of them, or those of an edition in its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dlcvlib.claims import Judged
from dlcvlib.counting import counted
from dlcvlib.course import NAMED_IMAGES, QUESTIONS, Question
from dlcvlib.report import chapters, tables
from dlcvlib.report.answers import Answer, answers, of_edition
from dlcvlib.report.blocks import Block, Folded
from dlcvlib.report.collect import Sources, System
from dlcvlib.report.pictures import PICTURES, Shown, pictures
from dlcvlib.report.settings_matrix import settings_matrix
from dlcvlib.report.settings_run import settings_tables

HOLDS = "holds"
TABLES = ("table", "classes", "full settings")
"""Tables by their name in `Question.shows`."""
TASKS = {
    "classification": ("model_a", "model_b"),
    "pre-training": ("byol", "dino"),
    "settings": ("settings",),
    "segmentation": ("fcn32s", "unet", "improved"),
}
"""Questions whose systems share a table, by task."""


@dataclass(frozen=True)
class Section:
    """A heading and the blocks below it."""

    title: str
    blocks: tuple[Block, ...] = ()


def by_question(sources: Sources, *, make_maps: bool = False) -> list[Section]:
    """Return every question with the answers of all reports, then the missing systems and the best known values."""
    asked = [(each, [answer for answer in answers() if answer.question == each]) for each in QUESTIONS]
    sections = [
        Section(capital(question.text), _answered(question, given, sources, make_maps=make_maps))
        for question, given in asked
        if given
    ]
    return [*sections, *_closing(sources, answers())]


def by_edition(sources: Sources, edition: int, *, make_maps: bool = False) -> list[Section]:
    """Return the questions of an edition in its order, with the answers of every report and ours.

    Raises:
        ValueError: no such edition.
    """
    asked, named = of_edition(edition), NAMED_IMAGES[edition]
    sections = [
        Section(
            f"{number}. {capital(question.text)}",
            _answered(question, given, sources, named=named, make_maps=make_maps),
        )
        for number, (question, given) in enumerate(asked, start=1)
    ]
    return [*sections, *_closing(sources, [answer for _, given in asked for answer in given])]


def overview(sources: Sources, task: str) -> list[Block]:
    """Return the table of a task over all reports and ours, and its details, folded.

    Raises:
        ValueError: no such task.
    """
    if task not in TASKS:
        raise ValueError(f"unknown task {task!r}; known are {', '.join(TASKS)}")
    given = [answer for answer in answers() if answer.question.key in TASKS[task]]
    systems = systems_of(sources, given)
    return [_values(systems), *_details(systems)]


def answered_by_chapters() -> Block:
    """Return the questions that a chapter answers by itself, as Markdown."""
    found = {answer.question: answer for answer in answers() if answer.chapter is not None}
    return "\n".join(
        f"- {capital(question.text)}: chapter `{answer.chapter}`, as in {answer.report}."
        for question, answer in found.items()
    )


def judged(found: Sequence[Judged]) -> list[Block]:
    """Return how many claims hold and which do not, in words; and, folded, each with its difference."""
    others = [
        f"- **{each.verdict}**: {each.claim.chapter}: {each.claim.says}" for each in found if each.verdict != HOLDS
    ]
    held = f"{len(found) - len(others)} of {counted(len(found), 'claim')} hold{'; the others:' if others else '.'}"
    return ["\n".join([held, "", *others]), Folded("Each claim with its difference", (tables.claims_table(found),))]


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
    others = "" if there == len(systems) else "; the others stand in it as missing"
    return f"{there} of {len(systems)} systems have their record here{others}{damaged}"


def capital(text: str) -> str:
    """Return `text` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def _answered(
    question: Question,
    given: Sequence[Answer],
    sources: Sources,
    *,
    named: Sequence[str] = (),
    make_maps: bool = False,
) -> tuple[Block, ...]:
    """Return the table of a question over all reports, then, folded, its details and the pictures of each report."""
    blocks: list[Block] = []
    systems = systems_of(sources, given)
    if "table" in question.shows:
        blocks += [_values(systems), *_details(systems)]
    if "full settings" in question.shows:
        blocks.append(Folded("The settings that ran", tuple(settings_tables(systems, sources.profile))))
    drawn = ", ".join(name for name in question.shows if name in PICTURES)
    for answer in given:
        if answer.chapter is not None:
            shown = chapters.blocks(answer.chapter)
            summary = f"{capital(answer.report)}: from the chapter {answer.chapter}"
        else:
            own = systems_of(sources, [answer])
            shown = pictures(Shown(answer, own, sources, named, make_maps))
            summary = f"{capital(answer.report)}: {drawn}"
        blocks += [Folded(summary, tuple(shown))] if shown else []
    return tuple(blocks)


def _values(systems: Sequence[System]) -> Block:
    fine_tuned = all(getattr(system.recipe, "setting", None) for system in systems)
    return settings_matrix(systems) if fine_tuned and systems else tables.systems_table(systems)


def _details(systems: Sequence[System]) -> list[Block]:
    details: list[Block] = []
    if all(system.recipe.measure == "mean_iou" for system in systems) and (classes := tables.class_table(systems)):
        details.append(Folded("IoU of each land class", (classes,)))
    if made := tables.made_table(systems):
        details.append(Folded("Data, profile, seeds, minutes and hardware of each value", (made,)))
    return details


def _closing(sources: Sources, given: Sequence[Answer]) -> list[Section]:
    systems = systems_of(sources, given)
    absent = tables.missing_table(systems)
    damaged = [f"- {reason}" for system in systems for reason in system.damaged]
    none = "Nothing: every system has its record."
    return [
        Section("What is missing", (Folded("Each missing system with its command", (absent,)) if absent else none,)),
        *([Section("What was left out, being damaged", ("\n".join(damaged),))] if damaged else []),
        Section("What the best known values are of", (Folded("The best known values", (tables.marks_table(),)),)),
    ]
