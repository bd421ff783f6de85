"""Recipes: the settings of every training as data, for each profile."""

import difflib
from collections.abc import Iterable
from typing import Any

from dlcvlib.course.settings import EXTRA, READINGS, SETTINGS, Reading, Setting
from dlcvlib.recipes import changing
from dlcvlib.recipes.classification import CLASSIFICATION, supervised_on_mini
from dlcvlib.recipes.finetuning import FINETUNING, SERIES
from dlcvlib.recipes.pretraining import PRETRAINING
from dlcvlib.recipes.recipe import (
    OUTSIDE,
    PROFILES,
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

SEEDS = {"smoke": 2, "quick": 5, "gpu": 5, "hour": 2, "full": 3}
"""Number of seeds of recipes that are compared with each other."""
KEPT_SEED = 0
"""Seed of the book's trainings that keep weights of several epochs: five seeds would take 111 MB in `quick`."""
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


def same_run(name: str, profile: str) -> tuple[str, ...]:
    """Return the recipes that `profile` runs with equal settings, `name` among them; at equal seeds they are one run.

    Recipes of several reports differ at full size, or leave the same settings open, and become equal when reduced.
    """
    asked = get(name).for_profile(profile)
    return tuple(each for each, other in RECIPES.items() if _equal(asked, other.for_profile(profile), profile))


def representative(name: str, profile: str) -> str:
    """Return the first of `same_run`, whose record serves them all; an unknown name stays as it is."""
    return same_run(name, profile)[0] if name in RECIPES else name


def representatives(names: Iterable[str], profile: str) -> list[str]:
    """Return the recipes to train so that every one of `names` has its run, each once."""
    return list(dict.fromkeys(representative(name, profile) for name in names))


def _equal(one: Recipe, other: Recipe, profile: str) -> bool:
    """True if two recipes as a profile runs them have equal settings that count, and start from equal records."""
    if one.model != other.model or one.unlabelled() != other.unlabelled():
        return False
    return one.needs == other.needs or representatives(one.needs, profile) == representatives(other.needs, profile)


def seeds(name: str, profile: str) -> int:
    """Return the number of seeds that the book trains a recipe at: the most that one of `same_run` needs."""
    return SEEDS[profile] if any(get(each).repeated for each in same_run(name, profile)) else 1


__all__ = [
    "EXTRA",
    "KEPT_SEED",
    "OUTSIDE",
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
    "representative",
    "representatives",
    "same_run",
    "seeds",
    "supervised_on_mini",
]
