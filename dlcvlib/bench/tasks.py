"""A recipe's images and its task, as training builds them, but without a record and without outside weights."""

from __future__ import annotations

import itertools
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
    """Decode the images that `recipe` trains on.

    Raises:
        FileNotFoundError: the data at `root` lack them.
    """
    return task_class(recipe).load_images(data.find(root), recipe)


def image_count(images: Images) -> int:
    """Number of the training images."""
    return int(images.facts["train_images"])


def ours(recipe: Recipe, root: Path, device: torch.device, precision: Precision) -> Steps:
    """The steps of our training."""
    return steps_of(from_random_weights(recipe, images_of(recipe, root), device, precision))


def steps_of(task: AnyTask) -> Steps:
    """Epoch after epoch of our training, without what follows an epoch; after the last epoch it begins anew."""
    number = 0
    while True:
        for batch in task.batches():
            loop.step(task, batch, number % (task.epochs * task.steps))
            number += 1
            yield


class Resident:
    """A task whose batch is augmented already and stays on the device."""

    def __init__(self, task: AnyTask) -> None:
        self.task, self.seen = task, augmented(task)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)

    def inputs(self, batch: None) -> tuple[Any, ...]:
        """Return the batch that was augmented once."""
        return self.seen


def resident(recipe: Recipe, root: Path, device: torch.device, precision: Precision) -> Steps:
    """Our step without gathering a batch and without augmentation."""
    task: Any = Resident(from_random_weights(recipe, images_of(recipe, root), device, precision))
    for number in itertools.count():
        loop.step(task, None, number % (task.epochs * task.steps))
        yield


def floor(
    recipe: Recipe,
    root: Path,
    device: torch.device,
    precision: Precision,
    memory_format: torch.memory_format = torch.channels_last,
    compiled: bool = False,
) -> Steps:
    """Forward, loss and backward on a batch that stays on the device: what no training can beat.

    A target's or a teacher's forward is the method's arithmetic, so it is in here. Another memory format, or compiled
    networks, tell whether training has chosen well.
    """
    task = from_random_weights(recipe, images_of(recipe, root), device, precision)
    task.before_step(0)
    for network in task.networks:
        network.to(memory_format=memory_format)
        if compiled:
            network.compile(dynamic=False)
    seen = augmented(task, memory_format)
    while True:
        task.optimizer.zero_grad(set_to_none=True)
        task.trained(*seen).backward()
        yield


def augmented(task: AnyTask, memory_format: torch.memory_format = torch.channels_last) -> tuple[Any, ...]:
    """Augment one batch: return the arguments of the task's loss, images in `memory_format`."""

    def formatted(part: Any) -> Any:
        if isinstance(part, list):
            return [formatted(each) for each in part]
        return part.contiguous(memory_format=memory_format) if part.ndim == 4 else part

    return tuple(formatted(part) for part in task.inputs(next(iter(task.batches()))))
