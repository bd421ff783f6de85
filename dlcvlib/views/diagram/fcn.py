"""Diagram of FCN8s."""

from __future__ import annotations

from typing import Any

import torch

from dlcvlib.recipes import get
from dlcvlib.views.diagram.drawing import draw
from dlcvlib.views.diagram.grid import Arrow, Box, Grid
from dlcvlib.views.display import Picture
from dlcvlib.views.network import NUM_CLASSES


def fcn(size: int | None = None, num_classes: int = NUM_CLASSES["satellite"]) -> Picture:
    """Draw how FCN8s fuses three maps; their sizes are those of the network for an image.

    Source: Long, Shelhamer and Darrell 2015, figure 3, https://arxiv.org/abs/1411.4038.

    Args:
        size: height and width of the image in pixels, at least 1; None for those of R5's recipe.
        num_classes: number of classes.

    Raises:
        ValueError: `size` is below 1.
    """
    size = get("r5_fcn8s").image_size if size is None else size
    if size < 1:
        raise ValueError(f"size={size} must be at least 1 pixel")
    from dlcvlib import models  # here, so that opening records loads no network

    with torch.device("meta"):
        network: Any = models.build("vgg16_fcn8s", num_classes).eval()
        image = torch.empty(1, 3, size, size)
        pools = network.pools(image)
        coarse, logits = network.coarse_scores(pools[-1]), network(image)
    strides = [2 ** (index + 1) for index in range(len(pools))]
    maps = {stride: shape_note(each) for stride, each in zip(strides, pools, strict=True)}
    sums = {stride: f"{num_classes} × {size_of(each)}" for stride, each in zip(strides, pools, strict=True)}
    boxes = [
        Box("image", 0, 0, shape_note(image)),
        Box("logits", 1, 0, shape_note(logits)),
        Box("pool3", 0, 1, f"{maps[8]}\nstride 8", "trained"),
        Box("sum at stride 8", 1, 1, sums[8], "fixed"),
        Box("pool4", 0, 2, f"{maps[16]}\nstride 16", "trained"),
        Box("sum at stride 16", 1, 2, sums[16], "fixed"),
        Box("pool5", 0, 3, f"{maps[32]}\nstride 32", "trained"),
        Box("coarse scores", 1, 3, shape_note(coarse), "trained"),
    ]
    arrows = [
        Arrow("image", "pool3"),
        Arrow("pool3", "pool4"),
        Arrow("pool4", "pool5"),
        Arrow("pool5", "coarse scores", "fc6, fc7, score"),
        Arrow("pool4", "sum at stride 16", "1 × 1 conv", "dashed"),
        Arrow("pool3", "sum at stride 8", "1 × 1 conv", "dashed"),
        Arrow("coarse scores", "sum at stride 16", f"× {network.upscore2.stride[0]}, crop"),
        Arrow("sum at stride 16", "sum at stride 8", f"× {network.upscore_pool4.stride[0]}, crop"),
        Arrow("sum at stride 8", "logits", f"× {network.upscore8.stride[0]}, crop"),
    ]
    caption = (
        f"FCN8s for an image of {size} × {size} pixels: channels × height × width. Scores of the coarse map are "
        "enlarged, cropped and added to scores of a finer map (dashed arrows), twice; the last sum is enlarged to the "
        "image."
    )
    return draw(Grid(boxes, arrows, gap=64), "FCN8s: three maps are fused", caption)


def size_of(tensor: torch.Tensor) -> str:
    """Height and width of (N, C, H, W)."""
    return f"{tensor.shape[-2]} × {tensor.shape[-1]}"


def shape_note(tensor: torch.Tensor) -> str:
    """Channels, height and width of (N, C, H, W)."""
    return f"{tensor.shape[1]} × {size_of(tensor)}"
