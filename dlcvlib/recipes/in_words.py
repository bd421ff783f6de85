"""A recipe as a reader reads it: one row of a table, in the field's words."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from dlcvlib.recipes.recipe import Recipe

OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}


def overview(recipes: Iterable[Recipe]) -> pd.DataFrame:
    """One row a recipe, in words; recipes are shown as they are given, so read them for their profile first."""
    return pd.DataFrame([_row(recipe) for recipe in recipes])


def _row(recipe: Recipe) -> dict[str, object]:
    return {
        "recipe": recipe.name,
        "report": recipe.report,
        "network": recipe.model + (" (smallest form)" if recipe.form == "smallest" else ""),
        "starts from": "random weights" if recipe.start == "random" else "pre-trained weights",
        "pixels": recipe.image_size,
        "epochs": recipe.epochs,
        "batch": recipe.batch_size,
        "optimizer": _optimizer(recipe),
        "schedule": _schedule(recipe),
        "augmentation": ", ".join(name.replace("_", " ") for name in recipe.augmentation) or "none",
        "loss": _loss(recipe),
    }


def _optimizer(recipe: Recipe) -> str:
    settings = recipe.optimizer
    words = f"{OPTIMIZERS[settings.name]}, learning rate {settings.learning_rate:g}"
    return f"{words}, weight decay {settings.weight_decay:g}" if settings.weight_decay else words


def _schedule(recipe: Recipe) -> str:
    schedule = recipe.schedule
    if schedule.name == "step":
        return f"times {schedule.gamma:g} every {schedule.every} epochs"
    return schedule.name.replace("_", "-")


def _loss(recipe: Recipe) -> str:
    words = ["cross-entropy"]
    if recipe.label_smoothing:
        words.append(f"label smoothing {recipe.label_smoothing:g}")
    if recipe.mixup_alpha:
        words.append(f"mixup {recipe.mixup_alpha:g}")
    if recipe.cutmix_alpha:
        words.append(f"cutmix {recipe.cutmix_alpha:g}")
    if recipe.mixing_probability < 1:
        words[-1] += f" in {recipe.mixing_probability:.0%} of the batches"
    return ", ".join(words)
