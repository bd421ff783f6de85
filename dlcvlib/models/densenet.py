"""DenseNet: torchvision's network, with a choice of stem (model A of report R2).

Source: Huang et al. 2017, "Densely connected convolutional networks"; the small stem is that of its CIFAR networks.
"""

from __future__ import annotations

import re

from torch import Tensor, nn
from torchvision.models import DenseNet

from dlcvlib.models.stem import check_stem


def full(num_classes: int, *, stem: str = "imagenet") -> nn.Module:
    """DenseNet121 with the keys of torchvision's weights for the imagenet stem; R2 reports 0.6416 from scratch."""
    return _with_stem(DenseNet(32, (6, 12, 24, 16), 64, num_classes=num_classes), stem)


def reduced(num_classes: int, *, stem: str = "small", growth_rate: int = 12) -> nn.Module:
    """Reduced network: dense blocks of 2, 3 and 4 layers, pooling after the stem."""
    return _with_stem(DenseNet(growth_rate, (2, 3, 4), 2 * growth_rate, num_classes=num_classes), stem, keep_pool=True)


def rename_published_keys(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Rename the old keys of torchvision's published file ("norm.1") to the current ones ("norm1")."""
    pattern = re.compile(r"^(.*denselayer\d+\.(?:norm|conv))\.([12]\.)")
    return {pattern.sub(r"\1\2", key): tensor for key, tensor in state.items()}


def _with_stem(model: DenseNet, stem: str, *, keep_pool: bool = False) -> nn.Module:
    """Replace the stem by a 3x3 convolution of stride 1, without pooling unless kept, if `stem` is "small"."""
    if check_stem(stem) == "small":
        features = model.features
        features.conv0 = nn.Conv2d(3, features.conv0.out_channels, kernel_size=3, padding=1, bias=False)
        nn.init.kaiming_normal_(features.conv0.weight)
        if not keep_pool:
            del features.pool0
    return model
