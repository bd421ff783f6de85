"""Workloads of the table: recipes at three sizes, our steps, and the rows that train them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from dlcvlib import data, recipes
from dlcvlib.bench import other_loops
from dlcvlib.bench.measuring import Row, Settings, Steps
from dlcvlib.bench.names import SIZES
from dlcvlib.recipes import Recipe
from dlcvlib.recipes.pretraining import byol_views, dino_views
from dlcvlib.training import loop
from dlcvlib.training.device import PRECISIONS, Precision, choose_precision
from dlcvlib.training.images import Images
from dlcvlib.training.tasks import Task, from_random_weights, task_class

NAMES = {"plain": "plain loop", "torchvision": "torchvision's reference", "lightly": "lightly"}

Changes = tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]


@dataclass(frozen=True)
class Workload:
    """A recipe, its sizes, and other ways to train it."""

    recipe: str
    changes: Changes  # to the recipe's `full` profile, at each of `SIZES`
    images: str  # what a step sees, formatted with the recipe's settings
    others: Mapping[str, Callable[..., Steps]]  # called with recipe, `ImageSet`, number of workers and device
    lightly: bool = False  # `dlcvlib.bench.lightly_examples` has the recipe's method
    mark: float | None = None  # images a second to reach on one H200 at the size `card`

    def sized(self, size: str) -> Recipe:
        """Return the recipe at one of `SIZES`."""
        return replace(recipes.get(self.recipe).for_profile("full"), **self.changes[SIZES.index(size)])

    def words(self, recipe: Recipe) -> str:
        """Describe network, images and batch of the sized recipe."""
        return f"{recipe.model}, {self.images.format_map(vars(recipe))}, batches of {recipe.batch_size}"


def _byol(model: str, batch_size: int, size: int, heads: float = 1.0) -> dict[str, Any]:
    """Change the sizes of BYOL: a blur of a tenth of the side, odd; `heads` scales the width of its heads."""
    views = byol_views(size, scale=(0.2, 1.0), kernel_size=size // 20 * 2 + 1)
    options = {"hidden": int(4096 * heads), "out": int(256 * heads)}
    return dict(model=model, batch_size=batch_size, image_size=size, views=views, method_options=options)


def _dino(model: str, batch_size: int, size: int, small: int, count: int, heads: float = 1.0) -> dict[str, Any]:
    """Change the sizes of DINO, which has `count` views of side `small`; `heads` scales the width of its heads."""
    scales: dict[str, Any] = {"global_scale": (0.25, 1.0), "local_scale": (0.05, 0.25)}
    views = dino_views(size, small, count, **scales, kernel_size=size // 20 * 2 + 1)
    widths = {"hidden": 2048, "bottleneck": 256, "out_dim": 2048}
    options: dict[str, Any] = {name: int(width * heads) for name, width in widths.items()}
    options |= {"warmup_teacher_temp": 0.02, "teacher_temp": 0.02}
    return dict(model=model, batch_size=batch_size, image_size=size, views=views, method_options=options)


CLASSIFIERS: Changes = ({}, {}, {"model": "small_cnn", "batch_size": 8})
BYOL = (_byol("resnet50", 256, 112), _byol("resnet18", 64, 64), _byol("small_cnn", 8, 32, 0.125))
DINO = (_dino("resnet50", 256, 96, 48, 6), _dino("resnet18", 64, 64, 32, 4), _dino("small_cnn", 8, 32, 16, 1, 0.125))
DINO_VIEWS = "views of 2 x {views[0].size} px + {views[2].count} x {views[2].size} px"
DINO_MARK = 2590.0  # ten times the 259 at which a DINO of this course is known to have run on an L40S
DEEPLAB: dict[str, Any] = {"model": "deeplabv3plus_resnet18", "model_options": {}, "auxiliary_weight": 0.0}
REDUCED: dict[str, Any] = {"form": "reduced", "image_size": 64, "tile": 32, "batch_size": 4}
SEGMENTERS: Changes = ({}, DEEPLAB | {"image_size": 256, "tile": 128}, DEEPLAB | REDUCED)
TILES = "tiles of {tile} px from images of {image_size} px"
ON_TILES = {"plain": other_loops.segmentation, "torchvision": other_loops.reference}
PLAIN = {"plain": other_loops.pretraining}

WORKLOADS = {
    "classification": Workload(
        "r4_vgg13_bn", CLASSIFIERS, "images of {image_size} px", {"plain": other_loops.classification}
    ),
    "byol": Workload("our_byol", BYOL, "views of 2 x {views[0].size} px", PLAIN, lightly=True),
    "dino": Workload("our_dino", DINO, DINO_VIEWS, PLAIN, lightly=True, mark=DINO_MARK),
    "segmentation": Workload("our_deeplabv3plus", SEGMENTERS, TILES, ON_TILES),
}


def images_of(recipe: Recipe, root: Path) -> Images:
    """Decode the images that `recipe` trains on; FileNotFoundError if the data at `root` lack them."""
    return task_class(recipe).load_images(data.find(root), recipe)


def open_steps(
    way: Callable[..., Steps], recipe: Recipe, root: Path, device: torch.device, precision: Precision, **options: Any
) -> Steps:
    """Open `ours`, `resident` or `floor` on a recipe's task."""
    return way(from_random_weights(recipe, images_of(recipe, root), device, precision), **options)


def ours(task: Task[Any, Any]) -> Steps:
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
    task.batches, task.inputs = lambda: range(task.steps), lambda batch: inputs
    return ours(task)


def floor(task: Any, memory_format: torch.memory_format = torch.channels_last, compiled: bool = False) -> Steps:
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


def augmented(task: Task[Any, Any], memory_format: torch.memory_format = torch.channels_last) -> tuple[Any, ...]:
    """Augment one batch: return the arguments of the task's loss, images in `memory_format`."""

    def formatted(part: Any) -> Any:
        if isinstance(part, list):
            return [formatted(each) for each in part]
        return part.contiguous(memory_format=memory_format) if part.ndim == 4 else part

    return tuple(formatted(part) for part in task.inputs(next(iter(task.batches()))))


def build_rows(workload: Workload, recipe: Any, root: Path, settings: Settings) -> tuple[dict[str, Row], list[str]]:
    """Return a workload's rows, ours first so that they are measured whatever time is left, and what is missing."""
    precision = choose_precision(settings.device)
    other = PRECISIONS["fp32" if precision == "bf16" else "bf16"]

    def row(who: str, way: Callable[..., Steps], each: Precision, **options: Any) -> Row:
        return Row(who, partial(open_steps, way, recipe, root, settings.device, each, **options))

    rows = {
        f"floor: forward + backward, {precision}": row("floor", floor, precision),
        f"ours, on a resident batch, {precision}": row("resident", resident, precision),
        f"ours, {precision}": row("ours", ours, precision),
        f"floor, {other}": row("choice", floor, other),
        f"floor, {precision}, not channels_last": row(
            "choice", floor, precision, memory_format=torch.contiguous_format
        ),
    }
    if settings.device.type == "cuda":
        rows[f"floor, {precision}, compiled"] = row("choice", floor, precision, compiled=True)
    others = {(who, "fp32"): train for who, train in workload.others.items()}
    missing = []
    if workload.lightly:
        try:
            from dlcvlib.bench import lightly_examples  # takes seconds to import, and may not be installed
        except ImportError as error:
            missing.append(f"lightly's rows ({error}; `pip install -e '.[bench]'` installs it)")
        else:
            others |= {("lightly", p): partial(lightly_examples.train, precision=p) for p in ("fp32", precision)}
    image_set = getattr(data.find(root), recipe.dataset)
    for (who, each), train in others.items():
        for number in settings.workers:
            open_loop = partial(train, recipe, image_set, number, settings.device)
            rows[f"{NAMES[who]}, {each}, {number} workers"] = Row(who, open_loop, number)
    return rows, missing
