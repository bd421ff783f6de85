"""VGG13 with batch normalisation and a global-average head, for small images (model A of report R4).

Source: Simonyan and Zisserman 2015, "Very deep convolutional networks for large-scale image recognition", table 1,
column B. Its ten convolution layers stand here unchanged; the three fully connected layers, made for 224-px images,
give way to an average over positions and one linear layer.
"""

from __future__ import annotations

from torch import Tensor, nn

CHANNELS = (1, 2, 4, 8, 8)  # of the five stages, in units of `width`


class ConvolutionLayer(nn.Sequential):
    """3x3 convolution, batch normalisation, ReLU; keeps height and width."""

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
        dropout: share of the pooled features set to zero in training, in [0, 1).

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


def report(num_classes: int, *, width: int = 64, dropout: float = 0.0) -> nn.Module:
    """The report's network at full width; its accuracy there was 0.7454 after 300 epochs."""
    return VGG13(num_classes, width, dropout)


def smallest(num_classes: int, *, width: int = 16, dropout: float = 0.0) -> nn.Module:
    """All ten convolution layers at a quarter of the width."""
    return VGG13(num_classes, width, dropout)
