"""SqueezeNet 1.0: torchvision's network, whose classifier is a 1x1 convolution.

Source: Iandola et al. 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters".
"""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import SqueezeNet
from torchvision.models.squeezenet import Fire


def full(num_classes: int) -> nn.Module:
    """SqueezeNet 1.0 with the keys of torchvision's weights; output stride 16."""
    return SqueezeNet("1_0", num_classes)


def reduced(num_classes: int) -> nn.Module:
    """Reduced network: a stem of stride 1 and three fire modules."""
    return SmallSqueezeNet(num_classes)


class SmallSqueezeNet(nn.Module):
    """Stem, three fire modules, 1x1 convolution to one map per class, global average pooling.

    Unlike the published network it has batch normalisation between the fire modules and no ReLU on the logits, for
    faster training from scratch.

    Shapes:
        images (N, 3, H, W) float with H, W >= 8 to logits (N, num_classes).
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 32, kernel_size=3, padding=1, bias=False),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
            Fire(32, 16, 32, 32),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(64),
            Fire(64, 24, 64, 64),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(128),
            Fire(128, 32, 128, 128),
            nn.BatchNorm2d(256),
        )
        self.classifier = nn.Sequential(nn.Conv2d(256, num_classes, kernel_size=1), nn.AdaptiveAvgPool2d(1))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes) of `images` (N, 3, H, W)."""
        return self.classifier(self.features(images)).flatten(1)
