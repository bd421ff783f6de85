"""What is trained in each row of the table, and how large: of a real card, of a few cores, or as small as it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from dlcvlib import recipes
from dlcvlib.recipes import ClassificationRecipe, PretrainingRecipe, Recipe, SegmentationRecipe
from dlcvlib.recipes.pretraining import byol_views, dino_views


@dataclass(frozen=True)
class Sizes:
    """Networks, sides in pixels, and images a step."""

    classifier: str
    backbone: str
    byol_view: int
    global_view: int
    local_view: int
    local_views: int
    pretraining_batch: int
    segmenter: str
    form: Literal["full", "reduced"]
    """Of the segmenter."""
    satellite: int
    tile: int
    tiles_a_batch: int
    labelled_batch: int = 128
    heads: float = 1.0
    """Width of BYOL's and DINO's heads, as a share of the papers'."""


SIZES = {
    "card": Sizes(
        "vgg13_bn", "resnet50", 112, 96, 48, 6, 256, "deeplabv3plus_resnet50", "full", 512, tile=384, tiles_a_batch=16
    ),
    "cores": Sizes(
        "vgg13_bn", "resnet18", 64, 64, 32, 4, 64, "deeplabv3plus_resnet18", "full", 256, tile=128, tiles_a_batch=16
    ),
    "tiny": Sizes(
        "small_cnn", "small_cnn", 32, 32, 16, 1, 8, "deeplabv3plus_resnet18", "reduced", 64, 32, 4, 8, heads=0.125
    ),
}
"""`card` is what our recipes train on a GPU; `cores` is bearable on two cores; `tiny` only shows that all rows run."""


def classification(sizes: Sizes) -> ClassificationRecipe:
    """R4's classifier from scratch."""
    recipe = recipes.get("r4_vgg13_bn").for_profile("full")
    assert isinstance(recipe, ClassificationRecipe)
    return replace(recipe, model=sizes.classifier, batch_size=sizes.labelled_batch)


def byol(sizes: Sizes) -> PretrainingRecipe:
    """Our BYOL."""
    views = byol_views(sizes.byol_view, scale=(0.2, 1.0), kernel_size=_kernel(sizes.byol_view))
    heads = {"hidden": int(4096 * sizes.heads), "out": int(256 * sizes.heads)}
    return _pretraining("our_byol", sizes, views=views, image_size=sizes.byol_view, method_options=heads)


def dino(sizes: Sizes) -> PretrainingRecipe:
    """Our DINO."""
    views = dino_views(
        sizes.global_view,
        sizes.local_view,
        sizes.local_views,
        global_scale=(0.25, 1.0),
        local_scale=(0.05, 0.25),
        kernel_size=_kernel(sizes.global_view),
    )
    widths = {"hidden": 2048, "bottleneck": 256, "out_dim": 2048}
    heads = {name: int(width * sizes.heads) for name, width in widths.items()}
    temperatures = {"warmup_teacher_temp": 0.02, "teacher_temp": 0.02}
    options = temperatures | heads
    return _pretraining("our_dino", sizes, views=views, image_size=sizes.global_view, method_options=options)


def segmentation(sizes: Sizes) -> SegmentationRecipe:
    """Our DeepLabV3+; its auxiliary head belongs to the network of a card's size."""
    recipe = recipes.get("our_deeplabv3plus").for_profile("full")
    assert isinstance(recipe, SegmentationRecipe)
    deep = sizes.segmenter == recipe.model
    return replace(
        recipe,
        model=sizes.segmenter,
        form=sizes.form,
        model_options=recipe.model_options if deep else {},
        auxiliary_weight=recipe.auxiliary_weight if deep else 0.0,
        image_size=sizes.satellite,
        tile=sizes.tile,
        batch_size=sizes.tiles_a_batch,
    )


RECIPES: dict[str, Callable[[Sizes], Recipe]] = {
    "classification": classification,
    "byol": byol,
    "dino": dino,
    "segmentation": segmentation,
}
"""The recipe of each workload."""


def _pretraining(name: str, sizes: Sizes, **changes: Any) -> PretrainingRecipe:
    recipe = recipes.get(name).for_profile("full")
    assert isinstance(recipe, PretrainingRecipe)
    return replace(recipe, model=sizes.backbone, batch_size=sizes.pretraining_batch, **changes)


def _kernel(side: int) -> int:
    """A tenth of the side, odd, as in the BYOL paper."""
    return side // 20 * 2 + 1


def in_words(recipe: Recipe) -> str:
    """Network, sizes and batch."""
    if isinstance(recipe, PretrainingRecipe):
        sides = [view.size for view in recipe.views for _ in range(view.count)]
        seen = "views of " + " + ".join(f"{sides.count(side)} x {side} px" for side in dict.fromkeys(sides))
    elif isinstance(recipe, SegmentationRecipe):
        seen = f"tiles of {recipe.tile} px from images of {recipe.image_size} px"
    else:
        seen = f"images of {recipe.image_size} px"
    return f"{recipe.model}, {seen}, batches of {recipe.batch_size}"
