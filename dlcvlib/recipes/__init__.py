"""Every report's settings as data, for each profile."""

import difflib

from dlcvlib.recipes.classification import CLASSIFICATION, supervised_on_mini
from dlcvlib.recipes.in_words import overview
from dlcvlib.recipes.recipe import PROFILES, Optimizer, Recipe, Schedule

RECIPES = {recipe.name: recipe for recipe in CLASSIFICATION}


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


__all__ = ["PROFILES", "RECIPES", "Optimizer", "Recipe", "Schedule", "get", "overview", "supervised_on_mini"]
