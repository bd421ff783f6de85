"""What each report was asked, and the systems that answer: built from the recipes, so that none is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dlcvlib.recipes import RECIPES, ClassificationRecipe, PretrainingRecipe, Recipe, SegmentationRecipe
from dlcvlib.recipes.questions import QUESTIONS, Question

REPORTS = {
    "R1": "BYOL, a small CNN and DeepLabV3",
    "R2": "DenseNet, ConvNeXt and a ResNet101-FCN",
    "R3": "DINO, and U-Net with a skip dropped",
    "R4": "VGG13, BEiT and the focal loss",
    "R5": "FCN32s and FCN8s, and a gradient by hand",
    "ours": "what this book trains to do better",
}
"""The reports this project starts from, and our own systems beside them."""


def _classifies(recipe: Recipe, from_scratch: bool) -> bool:
    return recipe.dataset == "classification" and (getattr(recipe, "start", "") == "random") == from_scratch


def _is_fcn32s(recipe: Recipe) -> bool:
    return recipe.model == "vgg16_fcn32s"


def _is_setting(recipe: Recipe) -> bool:
    return isinstance(recipe, ClassificationRecipe) and recipe.setting is not None


ANSWERED_BY: dict[str, Callable[[Recipe], bool]] = {
    "model_a": lambda recipe: _classifies(recipe, from_scratch=True),
    "model_b": lambda recipe: _classifies(recipe, from_scratch=False),
    "feature_maps": lambda recipe: _classifies(recipe, from_scratch=True),
    "byol": lambda recipe: isinstance(recipe, PretrainingRecipe) and recipe.method == "byol",
    "dino": lambda recipe: isinstance(recipe, PretrainingRecipe) and recipe.method == "dino",
    "settings": _is_setting,
    "setting_c_maps": lambda recipe: isinstance(recipe, ClassificationRecipe) and recipe.setting == "C",
    "fcn32s": _is_fcn32s,
    "unet": lambda recipe: recipe.model == "unet",
    "improved": lambda recipe: (
        isinstance(recipe, SegmentationRecipe) and not _is_fcn32s(recipe) and recipe.model != "unet"
    ),
}
"""From a question's key to whether a recipe answers it."""

BY_CHAPTER = {"segment_anything": ("R3",), "gradient": ("R5",)}
"""Questions that are answered by a chapter and no training, and the reports that answered them."""

PICTURES_ONLY = ("feature_maps", "setting_c_maps")
"""Questions that ask for maps of systems which another question's table holds."""


@dataclass(frozen=True)
class Answer:
    """What one report answers to one question: the recipes of its systems, or a chapter where there are none."""

    report: str
    question: Question
    recipes: tuple[Recipe, ...]

    @property
    def chapter(self) -> str | None:
        """The chapter that is the answer; None where systems are."""
        return None if self.recipes else self.question.chapter


def answers() -> tuple[Answer, ...]:
    """Every answer of every report, report by report in the order of the questions; ours stand last."""
    found = []
    for report in REPORTS:
        for question in QUESTIONS:
            answered = ANSWERED_BY.get(question.key, lambda recipe: False)
            recipes = tuple(each for each in RECIPES.values() if each.report == report and answered(each))
            if recipes or report in BY_CHAPTER.get(question.key, ()):
                found.append(Answer(report, question, recipes))
    return tuple(found)


def of_report(report: str) -> tuple[Answer, ...]:
    """The answers of one report.

    Raises:
        ValueError: no such report.
    """
    if report not in REPORTS:
        raise ValueError(f"unknown report {report!r}; known are {', '.join(REPORTS)}")
    return tuple(answer for answer in answers() if answer.report == report)


def of_edition(edition: int) -> tuple[tuple[Question, tuple[Answer, ...]], ...]:
    """What an edition asks, in the order of its report, each with the answers of all reports and ours.

    Raises:
        ValueError: no such edition.
    """
    editions = sorted({year for question in QUESTIONS for year in question.editions})
    if edition not in editions:
        raise ValueError(f"there is no edition {edition}; there are {', '.join(map(str, editions))}")
    asked = [question for question in QUESTIONS if edition in question.editions and question.key != "report"]
    return tuple((each, tuple(answer for answer in answers() if answer.question == each)) for each in asked)
