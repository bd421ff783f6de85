"""A whole SAM of a few thousand random weights, built from the package's own parts, not by the code under test."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from torch import nn

SIDE, PATCH, CHANNELS = 64, 8, 16


def tiny_sam(seed: int = 0, **encoder: object) -> Sam:
    torch.manual_seed(seed)
    settings: dict = {
        "img_size": SIDE,
        "patch_size": PATCH,
        "embed_dim": 24,
        "depth": 3,
        "num_heads": 3,
        "mlp_ratio": 2,
        "out_chans": CHANNELS,
        "norm_layer": partial(nn.LayerNorm, eps=1e-6),
        "use_rel_pos": True,
        "window_size": 3,
        "global_attn_indexes": (1,),
    }
    image_encoder = ImageEncoderViT(**(settings | encoder))
    for name, parameter in image_encoder.named_parameters():
        if "pos" in name:  # they begin as zeros, which would hide that they went to the wrong block
            nn.init.normal_(parameter, std=0.5)
    grid = (SIDE // PATCH, SIDE // PATCH)
    prompts = PromptEncoder(
        embed_dim=CHANNELS, image_embedding_size=grid, input_image_size=(SIDE, SIDE), mask_in_chans=4
    )
    transformer = TwoWayTransformer(depth=2, embedding_dim=CHANNELS, num_heads=8, mlp_dim=32)
    decoder = MaskDecoder(transformer_dim=CHANNELS, transformer=transformer, iou_head_depth=3, iou_head_hidden_dim=8)
    return Sam(image_encoder, prompts, decoder, [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]).eval()


def write_tiny_sam(file: Path, seed: int = 0, **encoder: object) -> Sam:
    """Save one, and return it."""
    model = tiny_sam(seed, **encoder)
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), file)
    return model
