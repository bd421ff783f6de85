"""Initial weights of a network: outside weights, or the record of another training."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from dlcvlib import models, recipes
from dlcvlib.data import CourseData
from dlcvlib.recipes import Recipe, SupervisedRecipe
from dlcvlib.runs import Run

COURSE_BACKBONE = "pretrain_model_SL.pt"
"""File that the course hands out in 2022 to 2024: a ResNet50 trained with labels on Mini-ImageNet."""

RANDOM: dict[str, Any] = {"from": "random"}


@dataclass(frozen=True)
class GivenWeights:
    """A file of outside weights that the user named."""

    file: Path
    sha256: str


@dataclass(frozen=True)
class WeightSource:
    """Everything that initial weights can come from."""

    course: CourseData
    """Data, in whose folder the course's own weights may lie."""
    file: Path | None
    """File of outside weights that the user named; it goes before all others."""
    train_record: Callable[[Recipe], Run]
    """Load-or-train, for a record that another training starts from."""


def given_weights(recipe: Recipe, file: Path | None) -> GivenWeights | None:
    """Check that a recipe can start from the file that was named for it; None if none was named.

    Raises:
        ValueError: the recipe starts from no outside weights.
        FileNotFoundError: there is no such file.
    """
    if file is None:
        return None
    if recipe.start not in recipes.OUTSIDE:
        own = f"the record of {' and '.join(recipe.needs)}" if recipe.needs else "random weights"
        raise ValueError(
            f"the weights {file} cannot be used: the recipe {recipe.name} starts from {own}. Leave --weights out, or "
            "take a recipe that starts from outside weights"
        )
    if not file.is_file():
        raise FileNotFoundError(f"{file} is not a file, so no weights can be read from it")
    return GivenWeights(file, models.sha256_of(file))


def from_pretraining(backbone: nn.Module, recipe: SupervisedRecipe, source: WeightSource) -> dict[str, Any]:
    """Load the backbone of the self-supervised pre-training that the recipe names; return its description.

    Raises:
        ValueError: the recipe names none.
    """
    if recipe.pretraining is None:
        raise ValueError(f"the recipe {recipe.name} starts from a pre-training, but names none in `pretraining`")
    run = source.train_record(recipes.get(recipe.pretraining))
    return from_record(backbone, run, "the recipe asks for it")


def from_record(backbone: nn.Module, run: Run, because: str) -> dict[str, Any]:
    """Load the backbone of a finished record; return its description for `run.json`."""
    models.load_into(backbone, run.weights())
    info = run.info
    # Pages show this title, so it has to say where drawn images stood in for the course's.
    toy = f" [on the toy world in place of {info['data']['stands_in_for']}]" if "stands_in_for" in info["data"] else ""
    return {
        "from": "record",
        "title": info["recipe"]["title"] + toy,
        "record": "/".join(run.path.parts[-3:]),
        "because": because,
    }


def described(weights: models.Source) -> dict[str, Any]:
    """Describe outside weights for `run.json`."""
    return {
        "from": weights.kind,
        "title": Path(weights.location).name,
        "sha256": weights.sha256,
        "normalisation": {"mean": weights.mean, "std": weights.std},
    }


def course_backbone(course: CourseData) -> Path | None:
    """Find the backbone that the course hands out, in the data's folder or in `$DLCV_WEIGHTS`; None if absent."""
    folders = [course.root, *(part for part in course.root.iterdir() if part.is_dir())]
    if named := os.environ.get("DLCV_WEIGHTS"):
        folders.append(Path(named).expanduser())
    return next((folder / COURSE_BACKBONE for folder in folders if (folder / COURSE_BACKBONE).is_file()), None)
