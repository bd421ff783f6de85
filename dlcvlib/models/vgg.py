"""VGG13 with batch normalisation (model A of report R4), and VGG16, the backbone of the first segmenters.

Source: Simonyan and Zisserman 2015, "Very deep convolutional networks for large-scale image recognition", table 1,
columns B and D; with global average pooling and one linear layer in place of the three fully connected layers.
"""

from __future__ import annotations

from torch import Tensor, nn

from dlcvlib.models.batch_norm import BatchNorm

CHANNELS = (1, 2, 4, 8, 8)  # of the five stages, in units of `width`


class ConvolutionLayer(nn.Sequential):
    """3x3 convolution, batch normalisation, ReLU; preserves height and width."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class VGG13(nn.Module):
    """Five stages of two convolution layers, each ended by 2x2 max pooling.

    Args:
        num_classes: number of logits.
        width: channels of the first stage (64 in the paper); the stages have 1, 2, 4, 8, 8 times as many.
        dropout: dropout probability of the pooled features in [0, 1).

    Shapes:
        images (N, 3, H, W) float with H, W >= 32 to logits (N, num_classes).
    """

    def __init__(self, num_classes: int, width: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        in_channels = 3
        for channels in (factor * width for factor in CHANNELS):
            layers += [ConvolutionLayer(in_channels, channels), ConvolutionLayer(channels, channels), nn.MaxPool2d(2)]
            in_channels = channels
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(in_channels, num_classes)
        for module in self.features.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes) of `images` (N, 3, H, W)."""
        features = self.pool(self.features(images)).flatten(1)
        return self.classifier(self.dropout(features))


def full(num_classes: int, *, width: int = 64, dropout: float = 0.0) -> nn.Module:
    """VGG13-BN; R4 reports 0.7454 after 300 epochs."""
    return VGG13(num_classes, width, dropout)


def reduced(num_classes: int, *, width: int = 16, dropout: float = 0.0) -> nn.Module:
    """Reduced network: a quarter of the width."""
    return VGG13(num_classes, width, dropout)


class VGG16(nn.Module):
    """Five stages of two or three 3x3 convolutions, each ended by 2x2 max pooling.

    `features` has the keys of torchvision's vgg16, or vgg16_bn.

    Args:
        num_classes: number of logits.
        width: channels of the first stage (64 in the paper); the stages have 1, 2, 4, 8, 8 times as many.
        normalised: True for batch normalisation after each convolution, which the paper does not have.

    Shapes:
        images (N, 3, H, W) float with H, W >= 32 to logits (N, num_classes).
    """

    def __init__(self, num_classes: int, width: int = 64, normalised: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        in_channels = 3
        for factor, convolutions in zip(CHANNELS, (2, 2, 3, 3, 3), strict=True):
            for _ in range(convolutions):
                layers.append(nn.Conv2d(in_channels, factor * width, kernel_size=3, padding=1))
                layers += [BatchNorm(factor * width)] if normalised else []
                layers.append(nn.ReLU(inplace=True))
                in_channels = factor * width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(in_channels, num_classes)
        for module in self.features.modules():
            if isinstance(module, nn.Conv2d):
                assert module.bias is not None
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes) of `images` (N, 3, H, W)."""
        return self.classifier(self.pool(self.features(images)).flatten(1))


def full16(num_classes: int, *, width: int = 64) -> nn.Module:
    """VGG16 with the keys of torchvision's weights for its convolutions."""
    return VGG16(num_classes, width)


def reduced16(num_classes: int, *, width: int = 8) -> nn.Module:
    """Reduced network: an eighth of the width, with batch normalisation for faster training from scratch."""
    return VGG16(num_classes, width, normalised=True)
