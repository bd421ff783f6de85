"""The best that others reached on the course's validation sets: the marks to beat."""

from __future__ import annotations

from dataclasses import dataclass

from dlcvlib.recipes.recipe import ClassificationRecipe, Recipe, SegmentationRecipe


@dataclass(frozen=True)
class Mark:
    """One published value: validation accuracy, or the course's mean IoU, in [0, 1]."""

    row: str
    value: float
    how: str
    source: str = "COURSE.md 7, from public reports"


SCRATCH = Mark("classification A, from scratch", 0.762, "ResNet at 72 px; the next ones .76 and .7496")
CNN = Mark("classification B, CNN", 0.9076, "ResNeXt101")
ANY = Mark("classification B, any network", 0.9367, "BEiT-B")
FCN32S = Mark("FCN32s", 0.7253, "focal loss, Unknown ignored in the loss")
UNET = Mark("U-Net", 0.735, "ResNet34 encoder from ImageNet")
UNET_DROPPED = Mark("U-Net, one skip dropped", 0.720, "ResNet34 encoder from ImageNet")
IMPROVED = Mark(
    "segmentation B",
    0.7734,
    "an ensemble with flips averaged; single networks .7691 PSPNet-R101, .7618 DeepLabV3-R101, .7610 DeepLabV3+-R50",
)

BYOL_HOW = "BYOL, 1000 epochs, batch 512, Adam 1e-4"
BY_MINI = {
    row: Mark(f"setting {row}, 128 px, backbone supervised on Mini-ImageNet", value, how)
    for row, value, how in (
        ("A", 0.527, "each row by different people"),
        ("B", 0.595, "each row by different people"),
        ("C", 0.599, BYOL_HOW),
        ("D", 0.539, "each row by different people"),
        ("E", 0.488, "each row by different people"),
    )
}
DINO_HOW = "DINO ResNet50, 500 epochs, 20.6 h on one L40S"
BY_DINO = {
    row: Mark(f"setting {row}, 2025", value, DINO_HOW)
    for row, value in (("A", 0.490), ("B", 0.818), ("C", 0.704), ("D", 0.808), ("E", 0.520))
}

MARKS = (SCRATCH, CNN, ANY, *BY_MINI.values(), *BY_DINO.values(), FCN32S, UNET, UNET_DROPPED, IMPROVED)

VALIDATION_IMAGES = {"classification": 2500, "office": 406, "satellite": 257}
"""How many the marks and the reported values are of (COURSE.md 2); a set of another size is another set."""

TRANSFORMERS = ("beit_base",)
"""Networks that the course's rule of model B, a CNN, leaves out."""


def mark_of(recipe: Recipe) -> Mark | None:
    """The mark that a recipe's result is to be held against; None where nobody published one of its kind."""
    if isinstance(recipe, SegmentationRecipe):
        return _of_segmentation(recipe)
    if not isinstance(recipe, ClassificationRecipe):
        return None
    if recipe.setting is not None:
        return {"mini": BY_MINI, "dino": BY_DINO}.get(recipe.supplied, {}).get(recipe.setting)
    if recipe.dataset != "classification":
        return None
    if recipe.start == "random":
        return SCRATCH
    return ANY if recipe.model in TRANSFORMERS else CNN


def _of_segmentation(recipe: SegmentationRecipe) -> Mark:
    if recipe.model == "vgg16_fcn32s":
        return FCN32S
    if recipe.model == "unet":
        return UNET if recipe.model_options.get("drop_skip") is None else UNET_DROPPED
    return IMPROVED
