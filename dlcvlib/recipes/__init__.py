"""Every report's settings as data, for each profile."""

import difflib

from dlcvlib.course.settings import EXTRA, READINGS, SETTINGS, Reading, Setting
from dlcvlib.recipes.classification import CLASSIFICATION, supervised_on_mini
from dlcvlib.recipes.finetuning import FINETUNING, SERIES
from dlcvlib.recipes.in_words import overview, side_by_side
from dlcvlib.recipes.pretraining import PRETRAINING
from dlcvlib.recipes.recipe import (
    PROFILES,
    SEEDS,
    ClassificationRecipe,
    Optimizer,
    PretrainingRecipe,
    Recipe,
    Schedule,
    SegmentationRecipe,
    View,
)
from dlcvlib.recipes.recorded import recorded
from dlcvlib.recipes.segmentation import SEGMENTATION

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (*CLASSIFICATION, *PRETRAINING, *FINETUNING, *SEGMENTATION)
}


def get(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        ValueError: there is none; the message names the nearest and all.
    """
    if name not in RECIPES:
        nearest = difflib.get_close_matches(name, RECIPES, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"unknown recipe {name!r}{hint} Known are {', '.join(RECIPES)}")
    return RECIPES[name]


def seeds(name: str, profile: str) -> int:
    """At how many seeds the book trains a recipe: our own settings at several, so that differences have an error."""
    recipe = get(name)
    compared = isinstance(recipe, SegmentationRecipe) or (
        isinstance(recipe, ClassificationRecipe) and recipe.setting is not None
    )
    return SEEDS[profile] if compared and recipe.report == "ours" else 1


__all__ = [
    "EXTRA",
    "PROFILES",
    "READINGS",
    "RECIPES",
    "SEEDS",
    "SERIES",
    "SETTINGS",
    "ClassificationRecipe",
    "Optimizer",
    "PretrainingRecipe",
    "Reading",
    "Recipe",
    "Schedule",
    "SegmentationRecipe",
    "Setting",
    "View",
    "get",
    "overview",
    "recorded",
    "seeds",
    "side_by_side",
    "supervised_on_mini",
]
