"""BEiT: timm's vision transformer with relative position bias (model B of report R4).

Source: Bao et al. 2022, "BEiT: BERT pre-training of image transformers".
"""

from __future__ import annotations

from typing import Any

from torch import nn

TIMM_TAG = "beit_base_patch16_224.in22k_ft_in22k"  # pre-trained and fine-tuned on ImageNet-22k, as R4 used


def full(num_classes: int, *, image_size: int = 224, stochastic_depth: float = 0.0) -> nn.Module:
    """BEiT-B/16 with the keys of timm's weights; R4 reports 0.9367 after fine-tuning.

    Args:
        num_classes: number of logits.
        image_size: height and width of the images in pixels, a multiple of 16.
        stochastic_depth: drop probability of the last block in [0, 1); it grows linearly with depth.
    """
    return _beit(
        num_classes, image_size, patch_size=16, embed_dim=768, depth=12, num_heads=12, drop_path_rate=stochastic_depth
    )


def reduced(num_classes: int, *, image_size: int = 32, stochastic_depth: float = 0.0) -> nn.Module:
    """Reduced network: three blocks of dimension 64, patches of 4 px."""
    return _beit(
        num_classes,
        image_size,
        patch_size=4,
        embed_dim=64,
        depth=3,
        num_heads=2,
        mlp_ratio=2,
        drop_path_rate=stochastic_depth,
        head_init_scale=1.0,
    )


def _beit(num_classes: int, image_size: int, patch_size: int, **sizes: Any) -> nn.Module:
    if image_size < patch_size or image_size % patch_size:
        raise ValueError(
            f"image_size={image_size} must be a positive multiple of {patch_size}, the patch size in pixels"
        )
    from timm.models.beit import Beit  # only here: the other networks do not need timm

    return Beit(
        img_size=image_size,
        patch_size=patch_size,
        num_classes=num_classes,
        use_abs_pos_emb=False,
        use_rel_pos_bias=True,
        init_values=0.1,
        **sizes,
    )
