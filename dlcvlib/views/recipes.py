"""Tables of recipes, and of what runs of them were trained with, with their settings in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd

from dlcvlib.counting import counted
from dlcvlib.recipes import Recipe, Schedule, recorded
from dlcvlib.runs import Group, Run
from dlcvlib.runs.starts import STARTS, start_in_words
from dlcvlib.views.records import NOTHING, entry

OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "lars": "LARS"}
LOSSES = {"cross_entropy": "cross-entropy", "focal": "focal", "dice": "Dice", "lovasz": "Lovász-softmax"}


def recipes_overview(recipes: Iterable[Recipe]) -> pd.DataFrame:
    """One row a recipe, one column a setting: what the recipes ask for. `runs_overview` shows what was run.

    Recipes of different classes may share a table; a setting that a recipe lacks is a dash.
    """
    return _table(map(_cells, recipes))


def recipes_side_by_side(recipes: Iterable[Recipe], settings: Sequence[str]) -> pd.DataFrame:
    """One column a recipe, one row a setting: `recipes_overview` transposed, for few recipes with long settings."""
    return _side_by_side(recipes_overview(recipes), settings)


def runs_overview(runs: Iterable[Run]) -> pd.DataFrame:
    """One row a run: settings, initial weights, images and machine, all from its record.

    Columns are those of `recipes_overview`, of which "starts from" states what the run did start from, then "images"
    and "machine".
    """
    return _table(map(_cells_of_run, runs))


def runs_side_by_side(runs: Iterable[Run], settings: Sequence[str]) -> pd.DataFrame:
    """One column a run, one row a setting: `runs_overview` transposed."""
    return _side_by_side(runs_overview(runs), settings)


def _cells(recipe: Recipe) -> dict[str, object]:
    return {column: cell(recipe) for column, attribute, cell in COLUMNS if hasattr(recipe, attribute)}


def _cells_of_run(run: Run) -> dict[str, object]:
    device, precision = Group((run.info,), "").hardware, entry(run, "precision")
    return _cells(recorded(run.info["recipe"])) | {
        "starts from": start_in_words(run.info),
        "images": _images(run),
        "machine": ", ".join(filter(None, (device, precision))) or NOTHING,
    }


def _images(run: Run) -> str:
    counts = {"for training": entry(run, "data", "train_images"), "for validation": entry(run, "data", "val_images")}
    origin = "toy world" if entry(run, "data", "is_toy") else entry(run, "data", "root")
    replaced = entry(run, "data", "stands_in_for")
    words = [f"{count:,} {use}" for use, count in counts.items() if count is not None]
    words += [f"{origin} in place of {replaced}" if replaced else origin] if origin else []
    return ", ".join(words) or NOTHING


def _table(rows: Iterable[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows)).fillna(NOTHING)


def _side_by_side(overview: pd.DataFrame, settings: Sequence[str]) -> pd.DataFrame:
    columns = overview.set_index("recipe")[list(settings)].astype(str)
    return columns.T.rename_axis(columns=None).rename_axis("setting").reset_index()


def _names(augmentation: Iterable[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in augmentation) or "none"


def _optimizer(recipe: Any) -> str:
    settings = recipe.optimizer
    words = f"{OPTIMIZERS[settings.name]}, learning rate {settings.learning_rate:g}"
    return f"{words}, weight decay {settings.weight_decay:g}" if settings.weight_decay else words


def _schedule(schedule: Schedule) -> str:
    if schedule.name == "step":
        return f"times {schedule.gamma:g} every {counted(schedule.every, 'epoch')}"
    if schedule.name == "plateau":
        return f"times {schedule.gamma:g} after {counted(schedule.every, 'epoch')} without progress"
    if schedule.name == "poly":
        return f"poly, power {schedule.gamma:g}"
    return schedule.name.replace("_", "-")


def _warmup_and_decay(recipe: Any) -> str:
    warmup = f"{counted(recipe.warmup_epochs, 'epoch')} of warm-up, then " if recipe.warmup_epochs else ""
    constant = recipe.final_learning_rate == recipe.optimizer.learning_rate
    return warmup + ("constant" if constant else "cosine")


def _segmentation_loss(recipe: Any) -> str:
    words = [LOSSES[recipe.loss], *(f"{name} {value:g}" for name, value in recipe.loss_options.items())]
    if recipe.weigh_classes:
        words.append("classes weighed")
    if recipe.ignore_unknown:
        words.append("Unknown ignored")
    return ", ".join(words)


def _classification_loss(recipe: Any) -> str:
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


# Column, the attribute that a recipe needs for it, and the cell. Schedule and loss have one line for each of the ways
# in which recipes state them.
COLUMNS: tuple[tuple[str, str, Callable[[Any], object]], ...] = (
    ("recipe", "name", lambda recipe: recipe.name),
    ("report", "report", lambda recipe: recipe.report),
    ("network", "model", lambda recipe: recipe.model + (" (reduced network)" if recipe.form == "reduced" else "")),
    ("pixels", "image_size", lambda recipe: recipe.image_size),
    ("epochs", "epochs", lambda recipe: recipe.epochs),
    ("batch", "batch_size", lambda recipe: recipe.batch_size),
    ("optimizer", "optimizer", _optimizer),
    ("starts from", "start", lambda recipe: STARTS[recipe.start]),
    ("trains", "trains", lambda recipe: "whole network" if recipe.trains == "model" else "classifier"),
    ("schedule", "schedule", lambda recipe: _schedule(recipe.schedule)),
    ("schedule", "warmup_epochs", _warmup_and_decay),
    ("tiles", "tile", lambda recipe: f"{recipe.tile or recipe.image_size} of {recipe.image_size} px"),
    ("augmentation", "augmentation", lambda recipe: _names(recipe.augmentation)),
    ("loss", "loss", _segmentation_loss),
    ("loss", "label_smoothing", _classification_loss),
    ("views", "views", lambda recipe: " + ".join(f"{view.count} of {view.size} px" for view in recipe.views)),
    (
        "head",
        "method_options",
        lambda recipe: (
            ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in recipe.method_options.items())
            or "the method's defaults"
        ),
    ),
    ("momentum", "momentum", lambda recipe: " to ".join(f"{value:g}" for value in recipe.momentum)),
)
