"""Answers of each report to each question, built from the recipes, so that none is forgotten."""

from __future__ import annotations

from dataclasses import dataclass

from dlcvlib.course import EDITIONS, QUESTIONS, REPORTED, REPORTS, Question
from dlcvlib.recipes import RECIPES, Recipe


@dataclass(frozen=True)
class Answer:
    """Answer of one report to one question: the recipes of its systems, or a chapter where there are none."""

    report: str
    question: Question
    recipes: tuple[Recipe, ...]

    @property
    def chapter(self) -> str | None:
        """Chapter that is the answer; None if systems are."""
        return None if self.recipes else self.question.chapter


def answers() -> tuple[Answer, ...]:
    """Return every answer, report by report in the order of the questions; ours stand last."""
    found = []
    for report in REPORTS:
        for question in QUESTIONS:
            recipes = tuple(
                recipe
                for recipe in RECIPES.values()
                if recipe.report == report and question.answered_by and recipe in question.answered_by
            )
            if recipes or report in question.reports:
                found.append(Answer(report, question, recipes))
    return tuple(found)


def of_report(report: str) -> tuple[Answer, ...]:
    """Return the answers of one report.

    Raises:
        ValueError: no such report.
    """
    if report not in REPORTS:
        raise ValueError(f"unknown report {report!r}; known are {', '.join(REPORTS)}")
    return tuple(answer for answer in answers() if answer.report == report)


def of_edition(edition: int) -> tuple[tuple[Question, tuple[Answer, ...]], ...]:
    """Return the questions of an edition in its order, each with the answers of all reports.

    Raises:
        ValueError: no such edition.
    """
    if edition not in EDITIONS:
        raise ValueError(f"there is no edition {edition}; there are {', '.join(map(str, EDITIONS))}")
    asked = [question for question in QUESTIONS if edition in question.editions and question.key != "report"]
    return tuple((each, tuple(answer for answer in answers() if answer.question == each)) for each in asked)


def reported_beside(recipe: Recipe) -> dict[str, float]:
    """Return what each report states for the row of a recipe: for itself, or else the best for the same question.

    Fine-tuned systems are of the same row if their setting is the same.
    """
    if recipe.name in REPORTED:
        return {recipe.report: REPORTED[recipe.name]}
    asked = [each for each in QUESTIONS if "table" in each.shows and each.answered_by and recipe in each.answered_by]
    found: dict[str, float] = {}
    for other in RECIPES.values():
        same = any(other in question.answered_by for question in asked if question.answered_by)
        if same and other.name in REPORTED and getattr(other, "setting", None) == getattr(recipe, "setting", None):
            found[other.report] = max(found.get(other.report, 0.0), REPORTED[other.name])
    return found
