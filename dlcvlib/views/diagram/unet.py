"""Diagram of a U-Net."""

from __future__ import annotations

from typing import Any

import torch

from dlcvlib.recipes import Recipe, get
from dlcvlib.views.diagram.drawing import draw
from dlcvlib.views.diagram.fcn import shape_note
from dlcvlib.views.diagram.grid import Arrow, Box, Grid
from dlcvlib.views.display import Picture
from dlcvlib.views.network import NUM_CLASSES


def unet(recipe: Recipe | None = None, num_classes: int = NUM_CLASSES["satellite"]) -> Picture:
    """Draw the levels and skip connections of a recipe's U-Net, with the shapes of the built network.

    Source: Ronneberger, Fischer and Brox 2015, figure 1, https://arxiv.org/abs/1505.04597.

    Args:
        recipe: recipe of a U-Net; None for R3's.
        num_classes: number of classes.

    Raises:
        ValueError: the recipe's network has no levels.
    """
    recipe = recipe or get("r3_unet")
    from dlcvlib import models  # here, so that opening records loads no network

    size, notes = recipe.image_size, dict[str, str]()
    with torch.device("meta"):
        network: Any = models.build(recipe.model, num_classes, form=recipe.form, **recipe.model_options).eval()
        if not isinstance(network, models.unet.UNet):
            raise ValueError(f"the network of {recipe.name} is {recipe.model}, not a U-Net; pass such as r3_unet")
        parts = {f"encoder {level}": part for level, part in enumerate(network.down, start=1)}
        parts |= {"bottom": network.bottom, "logits": network.classifier}
        parts |= {f"decoder {level}": part for level, part in enumerate(network.up, start=1)}
        for name, part in parts.items():
            part.register_forward_hook(lambda _, __, output, name=name: notes.update({name: shape_note(output)}))
        image = torch.empty(1, 3, size, size)
        network(image)
    enlarge: Any = network.enlarge[0]
    levels = len(network.down)
    boxes = [Box("image", 0, 0, shape_note(image)), Box("logits", 1, 0, notes["logits"])]
    arrows = [Arrow("image", "encoder 1"), Arrow("decoder 1", "logits", "1 × 1 conv")]
    for level in range(1, levels + 1):
        encoder, decoder = f"encoder {level}", f"decoder {level}"
        boxes += [Box(encoder, 0, level, notes[encoder], "trained"), Box(decoder, 1, level, notes[decoder], "trained")]
        below = (f"encoder {level + 1}", f"decoder {level + 1}") if level < levels else ("bottom", "bottom")
        dropped = network.drop_skip == level
        arrows += [
            Arrow(encoder, decoder, "zeros" if dropped else "skip", "blocked" if dropped else "dashed"),
            Arrow(encoder, below[0], f"size / {network.pool.kernel_size}"),
            Arrow(below[1], decoder, f"size × {enlarge.stride[0]}"),
        ]
    boxes.append(Box("bottom", 0, levels + 1, notes["bottom"], "trained", 2))
    caption = (
        f"{recipe.title}: channels × height × width of each level for an image of {size} × {size} pixels. A skip "
        "connection (dashed) copies the encoder's map; it is concatenated with the enlarged map, and two convolutions "
        "halve the channels."
    )
    return draw(Grid(boxes, arrows, gap=52), f"U-Net with {levels} skip connections", caption)
