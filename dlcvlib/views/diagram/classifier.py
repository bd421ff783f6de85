"""Diagram of a classification, from the image to the loss."""

from __future__ import annotations

from itertools import pairwise

import torch

from dlcvlib.recipes import Recipe, get
from dlcvlib.views.diagram.drawing import draw
from dlcvlib.views.diagram.grid import Arrow, Box, Grid
from dlcvlib.views.display import Picture
from dlcvlib.views.network import NUM_CLASSES


def classifier(recipe: Recipe | None = None, num_classes: int | None = None) -> Picture:
    """Draw the path of a batch through a convolutional classifier, with the shapes of the recipe's network.

    Args:
        recipe: recipe of a classification, of a network with one linear layer on the mean of its last maps; None for
            R1's ResNet50.
        num_classes: number of classes; None for those of the course's data set.
    """
    recipe = recipe or get("r1_resnet50")
    from dlcvlib import models  # here, so that opening records loads no network

    size = recipe.image_size
    num_classes = NUM_CLASSES[recipe.dataset] if num_classes is None else num_classes
    with torch.device("meta"):
        network = models.build_at(size, recipe.model, num_classes, form=recipe.form, **recipe.model_options)
        stages = models.stages(network, size)
    last = next(stage for stage in reversed(stages) if stage.height > 1)
    boxes = [
        Box("images", 0, 0, f"uint8 (N, 3, {size}, {size})"),
        Box("labels", 1, 6, f"int64 (N,), 0 to {num_classes - 1}"),
        Box("augmentation", 0, 1, "random, in training only", "fixed"),
        Box("backbone", 0, 2, recipe.model, "trained"),
        Box("last maps", 0, 3, f"(N, {last.channels}, {last.height}, {last.width})"),
        Box("mean over positions", 0, 4, f"(N, {last.channels})", "fixed"),
        Box("linear layer", 0, 5, f"{last.channels} to {num_classes}", "trained"),
        Box("logits", 0, 6, f"(N, {num_classes})"),
        Box("loss", 0, 7, "cross-entropy of the logits' softmax and the labels", "loss", 2),
    ]
    path = ["images", "augmentation", "backbone", "last maps", "mean over positions", "linear layer", "logits", "loss"]
    arrows = [Arrow(start, end) for start, end in pairwise(path)] + [Arrow("labels", "loss")]
    caption = (
        f"{recipe.title}, {recipe.form} network: the path of a batch of N images of {size} × {size} pixels. The "
        "gradient of the loss runs back along the arrows and changes the solid boxes."
    )
    return draw(Grid(boxes, arrows), "Classification: from the images to the loss", caption)
