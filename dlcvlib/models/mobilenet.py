"""MobileNetV2: torchvision's network.

Source: Sandler et al. 2018, "MobileNetV2: inverted residuals and linear bottlenecks".
"""

from __future__ import annotations

from torch import nn
from torchvision.models import MobileNetV2


def full(num_classes: int) -> nn.Module:
    """MobileNetV2 with the keys of torchvision's weights; output stride 32."""
    return MobileNetV2(num_classes)


def reduced(num_classes: int) -> nn.Module:
    """Reduced network: four inverted residuals at half the width, output stride 8."""
    expansion_channels_repeats_stride = [[1, 16, 1, 1], [4, 32, 1, 2], [4, 64, 1, 2], [4, 64, 1, 1]]
    return MobileNetV2(
        num_classes, width_mult=0.5, inverted_residual_setting=expansion_channels_repeats_stride, dropout=0.0
    )
