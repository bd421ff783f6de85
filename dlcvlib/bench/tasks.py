"""A recipe's images and its task, as training builds them, but without a record and without outside weights."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dlcvlib import augment, data
from dlcvlib.bench.measuring import Steps
from dlcvlib.recipes import ClassificationRecipe, PretrainingRecipe, Recipe, SegmentationRecipe
from dlcvlib.training import load_or_train, loop
from dlcvlib.training.classification import Classification
from dlcvlib.training.device import Precision
from dlcvlib.training.load_or_train import AnyImages, AnyTask
from dlcvlib.training.prepare import PretrainingImages, build_method, build_model
from dlcvlib.training.pretraining import SelfSupervised
from dlcvlib.training.satellite import SatelliteImages, build_segmenter
from dlcvlib.training.segmentation import Segmentation


def images_of(recipe: Recipe, root: Path) -> AnyImages:
    """The images that `recipe` trains on, decoded.

    Raises:
        FileNotFoundError: the data at `root` lack them.
    """
    return load_or_train.images_of(data.find(root), recipe)


def image_count(images: AnyImages) -> int:
    """Number of the training images."""
    count: int = images.described["train_images"]
    return count


def task_of(recipe: Recipe, images: AnyImages, device: torch.device, precision: Precision) -> AnyTask:
    """What the training loop would train, from random weights."""
    if isinstance(images, PretrainingImages):
        assert isinstance(recipe, PretrainingRecipe)
        return SelfSupervised(recipe, build_method(recipe), images.images, device, precision)
    if isinstance(images, SatelliteImages):
        assert isinstance(recipe, SegmentationRecipe)
        return Segmentation(recipe, build_segmenter(recipe), images.train, images.val, device, precision)
    assert isinstance(recipe, ClassificationRecipe)
    model = build_model(recipe, images.num_classes)
    return Classification(recipe, model, images.train, images.val, images.num_classes, device, precision)


def ours(recipe: Recipe, root: Path, device: torch.device, precision: Precision) -> Steps:
    """The steps of our training."""
    return steps_of(task_of(recipe, images_of(recipe, root), device, precision))


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
        self.task, self.arithmetic = task, arithmetic(task)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)

    def loss(self, batch: None) -> Tensor:
        """The model's arithmetic alone."""
        return self.arithmetic()


def resident(recipe: Recipe, root: Path, device: torch.device, precision: Precision) -> Steps:
    """Our step without gathering a batch and without augmentation."""
    task: Any = Resident(task_of(recipe, images_of(recipe, root), device, precision))
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
    task = task_of(recipe, images_of(recipe, root), device, precision)
    task.before_step(0)
    for network in task.networks:
        network.to(memory_format=memory_format)
        if compiled:
            network.compile(dynamic=False)
    loss = arithmetic(task, memory_format)
    while True:
        task.optimizer.zero_grad(set_to_none=True)
        loss().backward()
        yield


def arithmetic(task: AnyTask, memory_format: torch.memory_format = torch.channels_last) -> Callable[[], Tensor]:
    """The loss of one batch, augmented here once, each time it is called."""
    batch: Any = next(iter(task.batches()))
    seen: tuple[Any, ...]
    if isinstance(task, SelfSupervised):
        seen = ([view.contiguous(memory_format=memory_format) for view in task.views(batch)],)
        task.module.train()
    elif isinstance(task, Segmentation):
        images, masks = augment.prepare_pairs(batch[0], batch[1], task.recipe.tile, task.recipe.augmentation)
        seen = (images.contiguous(memory_format=memory_format), masks)
        task.model.train()
    else:
        images = task.prepare(batch[0], task.recipe.augmentation)
        seen = (images.contiguous(memory_format=memory_format), batch[1])
        task.model.train()
    return partial(task.trained, *seen)
