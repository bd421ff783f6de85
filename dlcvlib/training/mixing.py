"""Mixup and cutmix of a labelled batch."""

from __future__ import annotations

from torchvision.transforms import v2

from dlcvlib.recipes import ClassificationRecipe


def build_mixing(recipe: ClassificationRecipe, num_classes: int) -> v2.Transform | None:
    """Choose mixup or cutmix at random for each batch, as torchvision's and timm's recipes do."""
    mixes = []
    if recipe.mixup_alpha:
        mixes.append(v2.MixUp(alpha=recipe.mixup_alpha, num_classes=num_classes))
    if recipe.cutmix_alpha:
        mixes.append(v2.CutMix(alpha=recipe.cutmix_alpha, num_classes=num_classes))
    return v2.RandomApply([v2.RandomChoice(mixes)], recipe.mixing_probability) if mixes else None
