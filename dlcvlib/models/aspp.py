"""Atrous spatial pyramid pooling (ASPP).

Source: Chen et al. 2017, "Rethinking atrous convolution for semantic image segmentation", section 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def convolution_layer(in_channels: int, out_channels: int, size: int, rate: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU; preserves height and width."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, size, padding=rate * (size // 2), dilation=rate, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


class ImagePooling(nn.Sequential):
    """Image-level branch: the mean over all positions, broadcast to all positions."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), *convolution_layer(in_channels, out_channels, size=1))

    def forward(self, features: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H, W)."""
        return super().forward(features).expand(-1, -1, *features.shape[-2:])


class ASPP(nn.Module):
    """1x1 convolution, one atrous 3x3 convolution per rate and image pooling, concatenated and projected.

    Its state dict has the keys of torchvision's ASPP.

    Args:
        in_channels: channels of the backbone's last feature map.
        rates: dilations of the 3x3 convolutions.
        out_channels: channels of each branch and of the output.
        dropout: dropout probability of the output.

    Shapes:
        (N, in_channels, H, W) to (N, out_channels, H, W).
    """

    def __init__(self, in_channels: int, rates: Sequence[int], out_channels: int = 256, dropout: float = 0.5) -> None:
        super().__init__()
        atrous = [convolution_layer(in_channels, out_channels, size=3, rate=rate) for rate in rates]
        self.convs = nn.ModuleList(
            [
                convolution_layer(in_channels, out_channels, size=1),
                *atrous,
                ImagePooling(in_channels, out_channels),
            ]
        )
        self.project = nn.Sequential(
            *convolution_layer(len(self.convs) * out_channels, out_channels, size=1), nn.Dropout(dropout)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Project the concatenated branches."""
        branches = [branch(features) for branch in self.convs]  # (N, out_channels, H, W) each
        return self.project(torch.cat(branches, dim=1))  # (N, out_channels, H, W)
