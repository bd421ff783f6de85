"""Small CNN: four blocks of convolution, batch normalisation, ReLU and pooling (model A of report R1)."""

from __future__ import annotations

from torch import Tensor, nn


class Block(nn.Sequential):
    """3x3 convolution, batch normalisation, ReLU, then 2x2 max pooling: (N, C, H, W) to (N, C', H/2, W/2)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),  # batch norm has a bias
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )


class SmallCNN(nn.Module):
    """Four blocks, each doubling the channels and halving the resolution; global average pooling; a linear layer.

    Args:
        num_classes: number of logits.
        width: channels of the first block; the last has eight times as many.
        dropout: dropout probability of the pooled features in [0, 1).

    Shapes:
        images (N, 3, H, W) float with H, W >= 16 (the report resizes to 128) to logits (N, num_classes).
    """

    def __init__(self, num_classes: int, width: int = 32, dropout: float = 0.2) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            Block(3, width),
            Block(width, 2 * width),
            Block(2 * width, 4 * width),
            Block(4 * width, 8 * width),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(8 * width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes) of `images` (N, 3, H, W)."""
        features = self.pool(self.blocks(images)).flatten(1)
        return self.classifier(self.dropout(features))


def full(num_classes: int, *, width: int = 32, dropout: float = 0.2) -> nn.Module:
    """Model A of R1, which reports 0.622 at 128 px."""
    return SmallCNN(num_classes, width, dropout)


def reduced(num_classes: int, *, width: int = 16, dropout: float = 0.0) -> nn.Module:
    """Reduced network: half the width."""
    return SmallCNN(num_classes, width, dropout)
