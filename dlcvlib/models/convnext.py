"""ConvNeXt: torchvision's network (model B of report R2).

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
        stochastic_depth: drop probability of the last block in [0, 1); it grows linearly with depth.
    """
    return convnext_tiny(num_classes=num_classes, stochastic_depth_prob=stochastic_depth)


def reduced(num_classes: int, *, stochastic_depth: float = 0.0) -> nn.Module:
    """Reduced network: a 4x4 patch stem and two stages of two blocks."""
    stages = [CNBlockConfig(64, 128, 2), CNBlockConfig(128, None, 2)]
    # The published layer scale of 1e-6 makes the blocks near zero at first, which suits long training only.
    return ConvNeXt(stages, stochastic_depth, layer_scale=0.1, num_classes=num_classes)
