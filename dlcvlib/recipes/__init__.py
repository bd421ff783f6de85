"""Recipes: the settings of every training as data, for each profile."""

import difflib
from typing import Any

from dlcvlib.course.settings import EXTRA, READINGS, SETTINGS, Reading, Setting
from dlcvlib.recipes import changing
from dlcvlib.recipes.classification import CLASSIFICATION, supervised_on_mini
from dlcvlib.recipes.finetuning import FINETUNING, SERIES
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
    SupervisedRecipe,
    View,
)
from dlcvlib.recipes.recorded import recorded
from dlcvlib.recipes.segmentation import SEGMENTATION

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (*CLASSIFICATION, *PRETRAINING, *FINETUNING, *SEGMENTATION)
}


def get(name: str) -> Recipe:
    """Return the recipe of that name.

    Raises:
        ValueError: there is none; the message names the nearest and all.
    """
    if name not in RECIPES:
        nearest = difflib.get_close_matches(name, RECIPES, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"unknown recipe {name!r}{hint} Known are {', '.join(RECIPES)}")
    return RECIPES[name]


def changed(recipe: str | Recipe, *, profile: str, **changes: Any) -> Recipe:
    """Return a recipe as `profile` runs it, with changes: see `dlcvlib.recipes.changing.apply`.

    `changed("our_unet", name="mine", profile="quick", epochs=30, optimizer={"learning_rate": 1e-3})`
    """
    return changing.apply(get(recipe) if isinstance(recipe, str) else recipe, profile=profile, **changes)


def seeds(name: str, profile: str) -> int:
    """Return the number of seeds that the book trains a recipe at."""
    return SEEDS[profile] if get(name).repeated else 1


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
    "SupervisedRecipe",
    "View",
    "changed",
    "get",
    "recorded",
    "seeds",
    "supervised_on_mini",
]
