"""ResNet-9: much accuracy for little computation at 32 px (our own scratch classifier).

Sources: Page 2019, "How to train your ResNet" (the DAWNBench entry); and Jordan 2024, "94 % on CIFAR-10 in 3.29 seconds
on a single GPU", for pooling directly after the first convolution of a stage, GELU, and logits scaled down.
"""

from __future__ import annotations

from torch import Tensor, nn


class ConvolutionLayer(nn.Sequential):
    """3x3 convolution, optional 2x2 max pooling, batch normalisation, GELU.

    Pooling comes before normalisation and activation, which then work on a quarter of the positions.
    """

    def __init__(self, in_channels: int, out_channels: int, *, pool: bool = False) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.MaxPool2d(2) if pool else nn.Identity(),
            nn.BatchNorm2d(out_channels),
            nn.GELU(),
        )


class Residual(nn.Module):
    """x + f(x), f being two convolution layers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(ConvolutionLayer(channels, channels), ConvolutionLayer(channels, channels))

    def forward(self, images: Tensor) -> Tensor:
        """Keeps the shape (N, C, H, W)."""
        return images + self.layers(images)


class ResNet9(nn.Module):
    """A stem and three stages; the first and third stage hold a residual pair of convolutions.

    Args:
        num_classes: number of logits.
        width: channels of the stem; the stages have 2, 4 and 8 times as many.
        logit_scale: factor on the last layer's input; below 1 it softens the early softmax, as in the sources.

    Shapes:
        images (N, 3, H, W) float with H, W >= 16 to logits (N, num_classes).
    """

    def __init__(self, num_classes: int, width: int = 64, logit_scale: float = 0.125) -> None:
        super().__init__()
        self.stem = ConvolutionLayer(3, width)
        self.stage1 = nn.Sequential(ConvolutionLayer(width, 2 * width, pool=True), Residual(2 * width))
        self.stage2 = ConvolutionLayer(2 * width, 4 * width, pool=True)
        self.stage3 = nn.Sequential(ConvolutionLayer(4 * width, 8 * width, pool=True), Residual(8 * width))
        self.pool = nn.AdaptiveMaxPool2d(1)
        self.logit_scale = logit_scale
        self.classifier = nn.Linear(8 * width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes) of `images` (N, 3, H, W)."""
        features = self.stage3(self.stage2(self.stage1(self.stem(images))))
        return self.classifier(self.logit_scale * self.pool(features).flatten(1))


def full(num_classes: int, *, width: int = 64, logit_scale: float = 0.125) -> nn.Module:
    """The usual width of 64."""
    return ResNet9(num_classes, width, logit_scale)


def reduced(num_classes: int, *, width: int = 12, logit_scale: float = 0.125) -> nn.Module:
    """Narrow enough for a CPU."""
    return ResNet9(num_classes, width, logit_scale)
