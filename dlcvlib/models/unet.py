"""U-Net with four skip connections, of which one can be dropped (R3).

Source: Ronneberger, Fischer and Brox 2015, "U-Net: convolutional networks for biomedical image segmentation", figure 1;
with padded convolutions and batch normalisation.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from dlcvlib.models.batch_norm import BatchNorm

LEVELS = 4  # skip connections, from 1 (shallowest, stride 1) to 4 (deepest, stride 8)
DropSkip = int | Literal["random"] | None


class DoubleConvolution(nn.Sequential):
    """Two 3x3 convolutions, each with batch normalisation and ReLU; preserves height and width."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
            BatchNorm(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False),
            BatchNorm(out_channels),
            nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    """Encoder and decoder of four levels, with a skip connection on each.

    Args:
        num_classes: number of logits.
        width: channels of level 1 (64 in the paper); they double with each level.
        drop_skip: skip connection that is replaced by zeros: None, a level from 1 (shallowest) to 4 (deepest), or
            "random": dropout of one random connection per forward pass in training, with the others scaled by 4/3.

    Shapes:
        images (N, 3, H, W) float of any size to logits (N, num_classes, H, W).

    Raises:
        ValueError: unknown value of `drop_skip`.
    """

    def __init__(self, num_classes: int, width: int = 64, drop_skip: DropSkip = None) -> None:
        super().__init__()
        self.drop_skip = _checked_level(drop_skip)
        channels = [width * 2**level for level in range(LEVELS)]
        self.down = nn.ModuleList(DoubleConvolution(before, after) for before, after in pairwise([3, *channels]))
        self.pool = nn.MaxPool2d(2, ceil_mode=True)  # rounds up odd sizes
        self.bottom = DoubleConvolution(channels[-1], 2 * channels[-1])
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(2 * level, level, 2, stride=2) for level in channels)
        self.up = nn.ModuleList(DoubleConvolution(2 * level, level) for level in channels)
        self.classifier = nn.Conv2d(width, num_classes, kernel_size=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")  # as in the paper, section 3

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes, H, W) of `images` (N, 3, H, W)."""
        skips, features = [], images
        for convolve in self.down:
            skips.append(convolve(features))
            features = self.pool(skips[-1])
        features = self.bottom(features)
        skips = self._with_one_dropped(skips)
        for skip, enlarge, convolve in reversed(list(zip(skips, self.enlarge, self.up, strict=True))):
            enlarged = enlarge(features)[..., : skip.shape[-2], : skip.shape[-1]]
            features = convolve(torch.cat([skip, enlarged], dim=1))
        return self.classifier(features)

    def _with_one_dropped(self, skips: list[Tensor]) -> list[Tensor]:
        dropped = self.drop_skip
        if dropped == "random":
            if not self.training:
                return skips
            dropped = int(torch.randint(1, LEVELS + 1, (), device="cpu"))
            skips = [skip * (LEVELS / (LEVELS - 1)) for skip in skips]
        return [torch.zeros_like(skip) if level == dropped else skip for level, skip in enumerate(skips, start=1)]


def full(num_classes: int, *, drop_skip: DropSkip = None, width: int = 64) -> nn.Module:
    """U-Net at the paper's width; R3 reports a mean IoU of 0.697, and 0.680 without the deepest skip connection."""
    return UNet(num_classes, width, drop_skip)


def reduced(num_classes: int, *, drop_skip: DropSkip = None, width: int = 8) -> nn.Module:
    """Reduced network: an eighth of the width."""
    return UNet(num_classes, width, drop_skip)


def _checked_level(drop_skip: DropSkip) -> DropSkip:
    levels = range(1, LEVELS + 1)
    if drop_skip in (None, "random") or (type(drop_skip) is int and drop_skip in levels):
        return drop_skip
    raise ValueError(
        f"drop_skip={drop_skip!r} is not a skip connection; choose None, 'random', or a level from 1 (shallowest) "
        f"to {LEVELS} (deepest)"
    )
