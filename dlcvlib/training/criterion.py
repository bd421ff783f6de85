"""Loss of a segmentation recipe."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from dlcvlib import processes
from dlcvlib.data.palette import UNKNOWN
from dlcvlib.metrics import area_share
from dlcvlib.recipes import SegmentationRecipe
from dlcvlib.training import losses

LOSSES: dict[str, Callable[..., Tensor]] = {
    "cross_entropy": losses.cross_entropy,
    "focal": losses.focal_loss,
    "dice": losses.dice_loss,
    "lovasz": losses.lovasz_softmax,
}


def build_loss(recipe: SegmentationRecipe, masks: Tensor, device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the recipe's loss as a function of logits (N, 7, H, W) and class ids (N, H, W).

    Args:
        recipe: its `loss`, `loss_options`, `weigh_classes` and `ignore_unknown`.
        masks: uint8 (N, H, W), of the training images, whose shares of pixels give the class weights.
        device: of the logits.

    Raises:
        ValueError: an unknown loss, or class weights for one that takes none.
    """
    if recipe.loss not in LOSSES:
        raise ValueError(f"unknown loss {recipe.loss!r}; known are {', '.join(LOSSES)}")
    ignored = UNKNOWN if recipe.ignore_unknown else None
    options: dict[str, Any] = dict(recipe.loss_options) | {"ignored": ignored}
    if recipe.weigh_classes:
        if recipe.loss in ("dice", "lovasz"):
            raise ValueError(f"the loss {recipe.loss!r} treats all classes alike; weigh_classes needs another loss")
        options["class_weights"] = losses.class_weights(area_share(masks), ignored).to(device)
    return partial(LOSSES[recipe.loss], **options)


def of_shared_batch(recipe: SegmentationRecipe, loss: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """Average the sums of a loss over ranks that share a batch; Lovász, which sorts pixels, stays per rank."""
    return loss if recipe.loss == "lovasz" else partial(loss, pooled=processes.all_reduce_mean)
