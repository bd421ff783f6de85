"""Tasks: one file for each kind of training, and the table that leads from a recipe to its task."""

from __future__ import annotations

from typing import Any

import torch

from dlcvlib.recipes import ClassificationRecipe, PretrainingRecipe, Recipe, SegmentationRecipe
from dlcvlib.training.device import Precision
from dlcvlib.training.images import Images
from dlcvlib.training.tasks.base import Task
from dlcvlib.training.tasks.classification import Classification
from dlcvlib.training.tasks.pretraining import Pretraining
from dlcvlib.training.tasks.segmentation import Segmentation

TASKS: dict[type[Recipe], type[Task[Any, Any]]] = {
    ClassificationRecipe: Classification,
    PretrainingRecipe: Pretraining,
    SegmentationRecipe: Segmentation,
}


def task_class(recipe: Recipe) -> type[Task[Any, Any]]:
    """Return the task that a recipe is trained by."""
    return TASKS[type(recipe)]


def from_random_weights(recipe: Recipe, images: Images, device: torch.device, precision: Precision) -> Task[Any, Any]:
    """Build the task of a recipe with random weights, drawn from torch's generator."""
    kind = task_class(recipe)
    return kind(recipe, kind.build_network(recipe, images.num_classes), images, device, precision, {})


__all__ = ["TASKS", "Classification", "Pretraining", "Segmentation", "Task", "from_random_weights", "task_class"]
