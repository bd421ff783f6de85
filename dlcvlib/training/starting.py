"""Where a network's first weights come from: never silently from chance."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import nn

from dlcvlib import models, recipes
from dlcvlib.data import CourseData
from dlcvlib.recipes import ClassificationRecipe, SegmentationRecipe
from dlcvlib.runs import Run

COURSE_BACKBONE = "pretrain_model_SL.pt"
"""The file that the course hands out in 2022 to 2024: a ResNet50 trained with labels on Mini-ImageNet."""

FROM_OUTSIDE = ("pretrained", "imagenet", "coco")
"""Values of `start` in a recipe that starts from outside weights."""

TrainRecord = Callable[[recipes.Recipe], Run]
"""Load-or-train, for the record that another one starts from."""


@dataclass(frozen=True)
class GivenWeights:
    """A file of outside weights that was named to start from."""

    file: Path
    sha256: str


def given_weights(recipe: recipes.Recipe, file: Path | None) -> GivenWeights | None:
    """Make certain that a recipe can start from the file that was named for it; None where none was.

    Raises:
        ValueError: the recipe starts from no outside weights.
        FileNotFoundError: there is no such file.
    """
    if file is None:
        return None
    start = getattr(recipe, "start", "random")
    if start not in FROM_OUTSIDE:
        own = f"the record of {' and '.join(recipe.needs)}" if recipe.needs else "random weights"
        raise ValueError(
            f"the weights {file} cannot be used: the recipe {recipe.name} starts from {own}. Name none, or take a "
            "recipe that starts from outside weights"
        )
    if not file.is_file():
        raise FileNotFoundError(f"{file} is no file, so no weights can be read from it")
    return GivenWeights(file, models.sha256_of(file))


def start(
    model: nn.Module, recipe: ClassificationRecipe, course: CourseData, weights: Path | None, train_record: TrainRecord
) -> dict[str, Any]:
    """Give `model` the weights that its recipe starts from.

    Args:
        model: with random weights.
        recipe: as its profile reads it.
        course: the data, in whose folder the course's own weights may lie.
        weights: file of outside weights, before all other places.
        train_record: how to come by a record that is needed and missing.

    Returns:
        where they come from, for `run.json`.

    Raises:
        ValueError, FileNotFoundError: a file was named or found, but is missing, damaged or does not fit.
    """
    backbone = model.backbone if isinstance(model, models.LinearClassifier) else model
    if recipe.start == "random":
        return {"from": "random"}
    if recipe.start == "ssl":
        if recipe.pretraining is None:
            raise ValueError(f"the recipe {recipe.name} starts from a pre-training, but names none in `pretraining`")
        return _from_record(backbone, train_record(recipes.get(recipe.pretraining)), "the setting asks for it")
    return _pretrained(backbone, recipe, course, weights, train_record)


def start_segmenter(
    model: nn.Module, recipe: SegmentationRecipe, weights: Path | None, train_record: TrainRecord
) -> dict[str, Any]:
    """Give the backbone of a segmentation network the weights that its recipe starts from.

    Args:
        model: with random weights.
        recipe: as its profile reads it.
        weights: file of weights for the backbone, before all other places.
        train_record: how to come by the record of a pre-training.

    Returns:
        where they come from, for `run.json`; a reduced network, which no outside weights fit, says that it is random.

    Raises:
        ValueError, FileNotFoundError: a file was named or found, but is missing, damaged or does not fit.
    """
    if recipe.start == "random":
        return {"from": "random"}
    name = models.backbone_of(recipe.model)
    if name is None:
        raise ValueError(f"the recipe {recipe.name} names a start, but {recipe.model} has no backbone to start from it")
    backbone: nn.Module = getattr(model, "backbone")  # noqa: B009  (what it is called in every such network)
    if recipe.start == "ssl":
        if recipe.pretraining is None:
            raise ValueError(f"the recipe {recipe.name} starts from a pre-training, but names none in `pretraining`")
        return _from_record(backbone, train_record(recipes.get(recipe.pretraining)), "the recipe asks for it")
    if recipe.form == "reduced" and weights is None:
        return {"from": "random", "because": "outside weights do not fit the reduced network"}
    if recipe.start == "coco" and weights is None:
        return _origin(models.pretrained(model, recipe.model))
    return _origin(models.pretrained(backbone, name, path=weights))


def _pretrained(
    backbone: nn.Module,
    recipe: ClassificationRecipe,
    course: CourseData,
    weights: Path | None,
    train_record: TrainRecord,
) -> dict[str, Any]:
    """Outside weights where they are to be had, else pre-training with labels on Mini-ImageNet."""
    file = weights or (_file_of_the_course(course) if recipe.supplied == "mini" else None)
    if recipe.form == "reduced" and weights is None:
        because = "outside weights do not fit the reduced network"
    elif recipe.supplied == "mini" and file is None:
        because = f"the course's {COURSE_BACKBONE} is not there"
    else:
        try:
            kind: Literal["imagenet", "dino"] = "dino" if recipe.supplied == "dino" else "imagenet"
            return _origin(models.pretrained(backbone, recipe.model, path=file, kind=kind))
        except models.NoWeightsError as error:
            because = str(error)
    stand_in = recipes.get(recipe.stand_in) if recipe.stand_in else recipes.supervised_on_mini(recipe)
    return _from_record(backbone, train_record(stand_in), because)


def _file_of_the_course(course: CourseData) -> Path | None:
    """The backbone that the course hands out, in the data's folder or in `$DLCV_WEIGHTS`."""
    folders = [course.root, *(part for part in course.root.iterdir() if part.is_dir())]
    if named := os.environ.get("DLCV_WEIGHTS"):
        folders.append(Path(named).expanduser())
    return next((folder / COURSE_BACKBONE for folder in folders if (folder / COURSE_BACKBONE).is_file()), None)


def _origin(source: models.Source) -> dict[str, Any]:
    return {
        "from": source.kind,
        "title": Path(source.location).name,
        "sha256": source.sha256,
        "normalisation": {"mean": source.mean, "std": source.std},
    }


def _from_record(backbone: nn.Module, run: Run, because: str) -> dict[str, Any]:
    """Load the backbone of a finished record."""
    models.load_into(backbone, run.weights())
    info = run.info
    # What is shown of a fine-tuning is this title, so it has to tell where drawn images stood in for the course's.
    images = (
        f" [on the toy world in place of {info['data']['stands_in_for']}]" if "stands_in_for" in info["data"] else ""
    )
    return {
        "from": "record",
        "title": info["recipe"]["title"] + images,
        "record": "/".join(run.path.parts[-3:]),
        "because": because,
    }
