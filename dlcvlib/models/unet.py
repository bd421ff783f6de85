"""U-Net with four skip connections, of which one can be dropped (R3).

Source: Ronneberger, Fischer and Brox 2015, "U-Net: convolutional networks for biomedical image segmentation", figure 1;
with padded convolutions and batch normalisation.
"""

from __future__ import annotations

from collections.abc import Callable
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
            skips.append(convolve(features))  # (N, width * 2^level, H / 2^level, W / 2^level), level from 0
            features = self.pool(skips[-1])
        features = self.bottom(features)  # (N, 16 * width, H/16, W/16)
        skips = with_one_dropped(skips, self.drop_skip, self.training)
        for skip, enlarge, convolve in reversed(list(zip(skips, self.enlarge, self.up, strict=True))):
            features = up_step(features, skip, enlarge, convolve)  # of the skip's shape
        return self.classifier(features)


Layer = Callable[[Tensor], Tensor]


def up_step(features: Tensor, skip: Tensor, enlarge: Layer, convolve: Layer) -> Tensor:
    """One level of the decoder: enlarge, crop, concatenate with the skip connection, convolve.

    Args:
        features: (N, 2C, h, w), from the level below.
        skip: (N, C, H, W), H = 2h or 2h - 1, alike W.
        enlarge: maps (N, 2C, h, w) to (N, C, 2h, 2w).
        convolve: maps (N, 2C, H, W), the skip's channels first, to (N, C, H, W).
    """
    enlarged = enlarge(features)[..., : skip.shape[-2], : skip.shape[-1]]  # (N, C, H, W)
    return convolve(torch.cat([skip, enlarged], dim=1))


def with_one_dropped(skips: list[Tensor], dropped: DropSkip, training: bool) -> list[Tensor]:
    """Return the skip connections, shallowest first, with one replaced by zeros.

    Args:
        skips: (N, C_level, H_level, W_level) each.
        dropped: as `drop_skip` of `UNet`.
        training: False keeps all if `dropped` is "random".
    """
    if dropped == "random":
        if not training:
            return skips
        dropped = int(torch.randint(1, LEVELS + 1, (), device="cpu"))
        skips = [skip * (LEVELS / (LEVELS - 1)) for skip in skips]
    return [torch.zeros_like(skip) if level == dropped else skip for level, skip in enumerate(skips, start=1)]


def passes_gradient(network: UNet, images: Tensor) -> list[bool]:
    """Return for each skip connection, shallowest first, whether the weights that read it receive a gradient.

    Args:
        network: any; its gradients are replaced.
        images: (N, 3, H, W) float.
    """
    network.zero_grad()
    network(images).square().mean().backward()
    readers = [next(level.parameters()).grad for level in network.up]  # (C, 2C, 3, 3) each, the skip's channels first
    return [weights is not None and bool(weights[:, : weights.shape[1] // 2].any()) for weights in readers]


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
