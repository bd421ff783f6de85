"""ResNet: torchvision's networks with a choice of stem, and a narrow one for CPUs.

Source: He et al. 2016, "Deep residual learning for image recognition"; section 4.2 for the small stem.
"""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import resnet as published
from torchvision.models.resnet import BasicBlock, Bottleneck

from dlcvlib.models.stem import check_stem


def full18(num_classes: int, *, stem: str = "imagenet") -> nn.Module:
    """ResNet18; `stem="small"` for 32-px images."""
    return _with_stem(published.resnet18(num_classes=num_classes), stem)


def full50(num_classes: int, *, stem: str = "imagenet") -> nn.Module:
    """ResNet50 (R1's model B), with the keys of torchvision's weights for the imagenet stem."""
    return _with_stem(published.resnet50(num_classes=num_classes), stem)


def full101(num_classes: int, *, stem: str = "imagenet") -> nn.Module:
    """ResNet101, the backbone of R2's FCN."""
    return _with_stem(published.resnet101(num_classes=num_classes), stem)


def reduced18(num_classes: int, *, stem: str = "small", width: int = 24) -> nn.Module:
    """Reduced network: three stages of one basic block, with width, 2 width and 4 width channels."""
    return NarrowResNet(BasicBlock, num_classes, width, stem)


def reduced50(num_classes: int, *, stem: str = "small", width: int = 64) -> nn.Module:
    """Reduced network: three stages of one bottleneck, with width, 2 width and 4 width channels; 4 divides `width`."""
    return NarrowResNet(Bottleneck, num_classes, width // Bottleneck.expansion, stem)


class NarrowResNet(nn.Module):
    """Three-stage residual network of torchvision's blocks, one per stage.

    Args:
        block: torchvision's BasicBlock or Bottleneck.
        num_classes: number of logits.
        planes: inner channels of the first block; later blocks have 2 and 4 times as many. The output of a block has
            `block.expansion` times its inner channels.
        stem: "small" (3x3, stride 1) or "imagenet" (7x7, stride 2, max pooling).

    Shapes:
        images (N, 3, H, W) float with H, W >= 16 to logits (N, num_classes).
    """

    def __init__(self, block: type[BasicBlock | Bottleneck], num_classes: int, planes: int, stem: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool: nn.Module = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        first_stride = 2 if stem == "small" else 1  # full resolution is too slow on a CPU
        self.layer1 = _stage(block, 16, planes, stride=first_stride)
        self.layer2 = _stage(block, planes * block.expansion, 2 * planes, stride=2)
        self.layer3 = _stage(block, 2 * planes * block.expansion, 4 * planes, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4 * planes * block.expansion, num_classes)
        _with_stem(self, stem)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes) of `images` (N, 3, H, W)."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        features = self.layer3(self.layer2(self.layer1(features)))
        return self.fc(self.avgpool(features).flatten(1))


def _stage(block: type[BasicBlock | Bottleneck], in_channels: int, planes: int, stride: int) -> nn.Sequential:
    out_channels = planes * block.expansion
    shortcut = None
    if stride != 1 or in_channels != out_channels:  # the identity has another shape
        shortcut = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(out_channels)
        )
    return nn.Sequential(block(in_channels, planes, stride, shortcut))


def _with_stem(model: published.ResNet | NarrowResNet, stem: str) -> nn.Module:
    """Replace the stem by a 3x3 convolution of stride 1 without pooling, if `stem` is "small"."""
    if check_stem(stem) == "small":
        model.conv1 = nn.Conv2d(3, model.conv1.out_channels, kernel_size=3, padding=1, bias=False)
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
        model.maxpool = nn.Identity()
    return model
