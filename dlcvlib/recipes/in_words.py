"""A recipe as a reader reads it: one row of a table, in the field's words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from dlcvlib.recipes.recipe import ClassificationRecipe, PretrainingRecipe, Recipe, Schedule, SegmentationRecipe

OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "lars": "LARS"}
STARTS = {
    "random": "random weights",
    "pretrained": "pre-trained weights",
    "imagenet": "ImageNet",
    "coco": "COCO",
    "ssl": "own pre-training",
}
LOSSES = {"cross_entropy": "cross-entropy", "focal": "focal", "dice": "Dice", "lovasz": "Lovász-softmax"}


def overview(recipes: Iterable[Recipe]) -> pd.DataFrame:
    """One row a recipe, in words; recipes are shown as they are given, so read them for their profile first.

    Trainings with labels and without may stand in one table; what only one kind has is empty for the other.
    """
    return pd.DataFrame([_row(recipe) for recipe in recipes]).fillna("")


def side_by_side(recipes: Iterable[Recipe], settings: Sequence[str]) -> pd.DataFrame:
    """One column a recipe, one row a setting of `overview`: for a few recipes with long settings."""
    columns = overview(recipes).set_index("recipe")[list(settings)].astype(str)
    return columns.T.rename_axis(columns=None).rename_axis("setting").reset_index()


def _row(recipe: Recipe) -> dict[str, object]:
    row: dict[str, object] = {
        "recipe": recipe.name,
        "report": recipe.report,
        "network": recipe.model + (" (reduced network)" if recipe.form == "reduced" else ""),
        "pixels": recipe.image_size,
        "epochs": recipe.epochs,
        "batch": recipe.batch_size,
        "optimizer": _optimizer(recipe),
    }
    if isinstance(recipe, ClassificationRecipe):
        row |= {
            "starts from": STARTS[recipe.start],
            "trains": "whole network" if recipe.trains == "model" else "classifier",
            "schedule": _schedule(recipe.schedule),
            "augmentation": _names(recipe.augmentation),
            "loss": _loss(recipe),
        }
    if isinstance(recipe, SegmentationRecipe):
        row |= {
            "starts from": STARTS[recipe.start],
            "schedule": _schedule(recipe.schedule),
            "tiles": f"{recipe.tile or recipe.image_size} of {recipe.image_size} px",
            "augmentation": _names(recipe.augmentation),
            "loss": _segmentation_loss(recipe),
        }
    if isinstance(recipe, PretrainingRecipe):
        row |= {
            "schedule": _pretraining_schedule(recipe),
            "views": " + ".join(f"{view.count} of {view.size} px" for view in recipe.views),
            "head": ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in recipe.method_options.items()),
            "momentum": " to ".join(f"{value:g}" for value in recipe.momentum),
        }
    return row


def _names(augmentation: Iterable[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in augmentation) or "none"


def _optimizer(recipe: Recipe) -> str:
    settings = recipe.optimizer
    words = f"{OPTIMIZERS[settings.name]}, learning rate {settings.learning_rate:g}"
    return f"{words}, weight decay {settings.weight_decay:g}" if settings.weight_decay else words


def _schedule(schedule: Schedule) -> str:
    if schedule.name == "step":
        return f"times {schedule.gamma:g} every {schedule.every} epochs"
    if schedule.name == "plateau":
        return f"times {schedule.gamma:g} after {schedule.every} epochs without progress"
    if schedule.name == "poly":
        return f"poly, power {schedule.gamma:g}"
    return schedule.name.replace("_", "-")


def _pretraining_schedule(recipe: PretrainingRecipe) -> str:
    warmup = f"{recipe.warmup_epochs} epochs of warm-up, then " if recipe.warmup_epochs else ""
    constant = recipe.final_learning_rate == recipe.optimizer.learning_rate
    return warmup + ("constant" if constant else "cosine")


def _segmentation_loss(recipe: SegmentationRecipe) -> str:
    words = [LOSSES[recipe.loss], *(f"{name} {value:g}" for name, value in recipe.loss_options.items())]
    if recipe.weigh_classes:
        words.append("classes weighed")
    if recipe.ignore_unknown:
        words.append("Unknown ignored")
    return ", ".join(words)


def _loss(recipe: ClassificationRecipe) -> str:
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
