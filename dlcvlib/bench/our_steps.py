"""Steps of our training without a record and from random weights: as they are, on a resident batch, arithmetic only."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from dlcvlib import data
from dlcvlib.bench.measuring import Steps
from dlcvlib.recipes import Recipe
from dlcvlib.training import loop
from dlcvlib.training.device import Precision
from dlcvlib.training.images import Images
from dlcvlib.training.tasks import Task, from_random_weights, task_class

AnyTask = Task[Any, Any]


def images_of(recipe: Recipe, root: Path) -> Images:
    """Decode the images that `recipe` trains on; FileNotFoundError if the data at `root` lack them."""
    return task_class(recipe).load_images(data.find(root), recipe)


def open_steps(
    way: Callable[..., Steps], recipe: Recipe, root: Path, device: torch.device, precision: Precision, **options: Any
) -> Steps:
    """Open `ours`, `resident` or `floor` on a recipe's task."""
    return way(from_random_weights(recipe, images_of(recipe, root), device, precision), **options)


def ours(task: AnyTask) -> Steps:
    """Train epoch after epoch without evaluation; after the last epoch the schedules start again."""
    number = 0
    while True:
        for batch in task.batches():
            loop.step(task, batch, number % (task.epochs * task.steps))
            number += 1
            yield


def resident(task: Any) -> Steps:
    """Train on one batch that was augmented once and stays on the device."""
    inputs = augmented(task)
    task.inputs = lambda batch: inputs
    for number in itertools.count():
        loop.step(task, None, number % (task.epochs * task.steps))
        yield


def floor(task: AnyTask, memory_format: torch.memory_format = torch.channels_last, compiled: bool = False) -> Steps:
    """Forward, that of a target network included, loss and backward on a resident batch: a step's lower bound."""
    task.before_step(0)
    for network in task.networks:
        network.to(memory_format=memory_format)
        if compiled:
            network.compile(dynamic=False)
    inputs = augmented(task, memory_format)
    while True:
        task.optimizer.zero_grad(set_to_none=True)
        task.trained(*inputs).backward()
        yield


def augmented(task: AnyTask, memory_format: torch.memory_format = torch.channels_last) -> tuple[Any, ...]:
    """Augment one batch: return the arguments of the task's loss, images in `memory_format`."""

    def formatted(part: Any) -> Any:
        if isinstance(part, list):
            return [formatted(each) for each in part]
        return part.contiguous(memory_format=memory_format) if part.ndim == 4 else part

    return tuple(formatted(part) for part in task.inputs(next(iter(task.batches()))))
