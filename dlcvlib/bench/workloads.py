"""Workloads of the table: recipes at three sizes, and the rows that train them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from dlcvlib import data, recipes
from dlcvlib.bench import other_loops, our_steps
from dlcvlib.bench.measuring import Row, Settings, Steps
from dlcvlib.recipes import Recipe
from dlcvlib.recipes.pretraining import byol_views, dino_views
from dlcvlib.training.device import PRECISIONS, Precision, choose_precision

SIZES = ("card", "cores", "tiny")
"""`card`: our recipes as trained on a GPU; `cores`: bearable on two cores; `tiny`: only shows that all rows run."""
NAMES = {"plain": "plain loop", "torchvision": "torchvision's reference", "lightly": "lightly"}
"""Rows that train another way."""


@dataclass(frozen=True)
class Workload:
    """A recipe, its sizes, and other ways to train it."""

    recipe: str
    changes: tuple[Mapping[str, Any], ...]  # to the recipe's `full` profile, at each of `SIZES`
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
    """Change the sizes of BYOL; `heads` scales the width of its heads."""
    views = byol_views(size, scale=(0.2, 1.0), kernel_size=_kernel(size))
    options = {"hidden": int(4096 * heads), "out": int(256 * heads)}
    return dict(model=model, batch_size=batch_size, image_size=size, views=views, method_options=options)


def _dino(model: str, batch_size: int, size: int, small: int, count: int, heads: float = 1.0) -> dict[str, Any]:
    """Change the sizes of DINO, which has `count` views of side `small`; `heads` scales the width of its heads."""
    scales: dict[str, Any] = {"global_scale": (0.25, 1.0), "local_scale": (0.05, 0.25)}
    views = dino_views(size, small, count, **scales, kernel_size=_kernel(size))
    widths = {"hidden": 2048, "bottleneck": 256, "out_dim": 2048}
    options: dict[str, Any] = {name: int(width * heads) for name, width in widths.items()}
    options |= {"warmup_teacher_temp": 0.02, "teacher_temp": 0.02}
    return dict(model=model, batch_size=batch_size, image_size=size, views=views, method_options=options)


def _kernel(side: int) -> int:
    """Return a tenth of the side, odd, as in the BYOL paper."""
    return side // 20 * 2 + 1


DEEPLAB: dict[str, Any] = {"model": "deeplabv3plus_resnet18", "model_options": {}, "auxiliary_weight": 0.0}

WORKLOADS = {
    "classification": Workload(
        "r4_vgg13_bn",
        ({}, {}, {"model": "small_cnn", "batch_size": 8}),
        "images of {image_size} px",
        {"plain": other_loops.classification},
    ),
    "byol": Workload(
        "our_byol",
        (_byol("resnet50", 256, 112), _byol("resnet18", 64, 64), _byol("small_cnn", 8, 32, heads=0.125)),
        "views of 2 x {views[0].size} px",
        {"plain": other_loops.pretraining},
        lightly=True,
    ),
    "dino": Workload(
        "our_dino",
        (_dino("resnet50", 256, 96, 48, 6), _dino("resnet18", 64, 64, 32, 4), _dino("small_cnn", 8, 32, 16, 1, 0.125)),
        "views of 2 x {views[0].size} px + {views[2].count} x {views[2].size} px",
        {"plain": other_loops.pretraining},
        lightly=True,
        mark=2590.0,  # ten times the 259 at which a DINO of this course is known to have run on an L40S
    ),
    "segmentation": Workload(
        "our_deeplabv3plus",
        (
            {},
            DEEPLAB | {"image_size": 256, "tile": 128},
            DEEPLAB | {"form": "reduced", "image_size": 64, "tile": 32, "batch_size": 4},
        ),
        "tiles of {tile} px from images of {image_size} px",
        {"plain": other_loops.segmentation, "torchvision": other_loops.reference},
    ),
}


def build_rows(workload: Workload, recipe: Any, root: Path, settings: Settings) -> tuple[dict[str, Row], list[str]]:
    """Return a workload's rows, ours first so that they are measured whatever time is left, and what is missing."""
    precision = choose_precision(settings.device)
    other = PRECISIONS["fp32" if precision == "bf16" else "bf16"]

    def row(who: str, way: Callable[..., Steps], each: Precision, **options: Any) -> Row:
        return Row(who, partial(our_steps.open_steps, way, recipe, root, settings.device, each, **options))

    rows = {
        f"floor: forward + backward, {precision}": row("floor", our_steps.floor, precision),
        f"ours, on a resident batch, {precision}": row("resident", our_steps.resident, precision),
        f"ours, {precision}": row("ours", our_steps.ours, precision),
        f"floor, {other}": row("choice", our_steps.floor, other),
        f"floor, {precision}, not channels_last": row(
            "choice", our_steps.floor, precision, memory_format=torch.contiguous_format
        ),
    }
    if settings.device.type == "cuda":
        rows[f"floor, {precision}, compiled"] = row("choice", our_steps.floor, precision, compiled=True)
    others = {(who, "fp32"): loop for who, loop in workload.others.items()}
    missing = []
    if workload.lightly:
        try:
            from dlcvlib.bench import lightly_examples  # takes seconds to import, and may not be installed
        except ImportError as error:
            missing.append(f"lightly's rows ({error}; `pip install -e '.[bench]'` installs it)")
        else:
            others |= {("lightly", p): partial(lightly_examples.train, precision=p) for p in ("fp32", precision)}
    image_set = getattr(data.find(root), recipe.dataset)
    for (who, each), loop in others.items():
        for number in settings.workers:
            open_loop = partial(loop, recipe, image_set, number, settings.device)
            rows[f"{NAMES[who]}, {each}, {number} workers"] = Row(who, open_loop, number)
    return rows, missing
