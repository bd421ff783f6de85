"""Diagram of SAM."""

from __future__ import annotations

from typing import Any

import torch

from dlcvlib.views.architecture import parameter_count
from dlcvlib.views.diagram.drawing import draw
from dlcvlib.views.diagram.grid import Arrow, Box, Grid
from dlcvlib.views.display import Picture


def sam(model: Any = None) -> Picture:
    """Draw the three parts of a SAM: what runs once for each image, and what for each prompt.

    Source: Kirillov et al. 2023, figure 4, https://arxiv.org/abs/2304.02643.

    Args:
        model: `segment_anything.modeling.Sam`; None for the smallest published one, without its weights.
    """
    if model is None:
        from segment_anything import sam_model_registry

        with torch.device("meta"):
            model = sam_model_registry["vit_b"]()
    encoder, decoder, prompts = model.image_encoder, model.mask_decoder, model.prompt_encoder
    size, dim = encoder.img_size, prompts.embed_dim
    grid = " × ".join(map(str, prompts.image_embedding_size))
    counts = {name: parameter_count(_parameters(part)) for name, part in model.named_children()}
    masks = decoder.num_multimask_outputs
    boxes = [
        Box("once per image", 0, 0, kind="words"),
        Box("once per prompt", 1, 0, kind="words"),
        Box("image", 0, 1, f"3 × {size} × {size}"),
        Box("prompt", 1, 1, "points, a box, or a mask"),
        Box("image encoder", 0, 2, f"ViT, {len(encoder.blocks)} blocks, {counts['image_encoder']}", "frozen"),
        Box("prompt encoder", 1, 2, counts["prompt_encoder"], "frozen"),
        Box("embedding", 0, 3, f"{dim} × {grid}, cached"),
        Box("tokens", 1, 3, f"each of dimension {dim}"),
        Box("mask decoder", 0, 4, f"once per prompt, {counts['mask_decoder']}", "frozen", 2),
        Box("masks", 0, 5, f"{masks} for an ambiguous prompt"),
        Box("predicted IoU", 1, 5, "one score for each mask"),
    ]
    arrows = [
        Arrow("image", "image encoder"),
        Arrow("prompt", "prompt encoder"),
        Arrow("image encoder", "embedding"),
        Arrow("prompt encoder", "tokens"),
        Arrow("embedding", "mask decoder"),
        Arrow("tokens", "mask decoder"),
        Arrow("mask decoder", "masks"),
        Arrow("mask decoder", "predicted IoU"),
    ]
    caption = (
        "SAM. The large image encoder runs once for each image; its embedding is kept, so that for a further "
        "prompt only the two small parts run again. We use SAM as published: nothing is trained."
    )
    return draw(Grid(boxes, arrows), "SAM: image encoder, prompt encoder, mask decoder", caption)


def _parameters(part: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in part.parameters())
