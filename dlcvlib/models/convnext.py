"""ConvNeXt: torchvision's network of 7x7 depthwise convolutions and layer normalisation (model B of report R2).

Source: Liu et al. 2022, "A ConvNet for the 2020s".
"""

from __future__ import annotations

from torch import nn
from torchvision.models import ConvNeXt, convnext_tiny
from torchvision.models.convnext import CNBlockConfig


def full(num_classes: int, *, stochastic_depth: float = 0.1) -> nn.Module:
    """ConvNeXt-Tiny, with the keys of torchvision's weights; R2 reports 0.9052 after fine-tuning.

    Args:
        num_classes: number of logits.
        stochastic_depth: probability in [0, 1) that the last block is left out in training; earlier ones in proportion.
    """
    return convnext_tiny(num_classes=num_classes, stochastic_depth_prob=stochastic_depth)


def reduced(num_classes: int, *, stochastic_depth: float = 0.0) -> nn.Module:
    """Two stages behind a 4x4 patch stem: 32 px become 8x8, then 4x4 positions."""
    stages = [CNBlockConfig(64, 128, 2), CNBlockConfig(128, None, 2)]
    # With the published layer scale of 1e-6 the blocks begin as nearly nothing, which suits long trainings;
    # with 0.1 they take part from the first epoch.
    return ConvNeXt(stages, stochastic_depth, layer_scale=0.1, num_classes=num_classes)
