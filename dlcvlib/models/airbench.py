"""Airbench: a fast convolutional network for 32-px images (our classifier from scratch).

Jordan, 94 % on CIFAR-10 in 3.29 Seconds on a Single GPU, 2024, https://arxiv.org/abs/2404.00498, section 3: a
whitening first layer, six convolutions initialised as the identity, pooling after the first of each stage.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Whitening(nn.Conv2d):
    """2x2 convolution to the whitened principal components of patches and their negatives.

    Its weights are set once by `fit` from training images and frozen; only the bias is trained.
    """

    def __init__(self) -> None:
        super().__init__(3, 2 * 3 * 2 * 2, kernel_size=2)
        self.weight.requires_grad = False

    @torch.no_grad()
    def fit(self, images: Tensor, smallest_variance: float = 5e-4) -> None:
        """Set the weights from patches of `images`, (N, 3, H, W) float, normalised as in training (section 3.1)."""
        patches = images.unfold(2, 2, 1).unfold(3, 2, 1).transpose(1, 3).reshape(-1, 12).double()
        patches = patches - patches.mean(0)
        variances, directions = torch.linalg.eigh(patches.T @ patches / len(patches))
        components = (directions / (variances + smallest_variance).sqrt()).T.reshape(12, 3, 2, 2)
        self.weight.copy_(torch.cat([components, -components]))


class Stage(nn.Sequential):
    """Two 3x3 convolutions with batch normalisation and GELU, 2x2 max pooling after the first."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            _initialised_as_identity(nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(out_channels),
            nn.GELU(),
            _initialised_as_identity(nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)),
            nn.BatchNorm2d(out_channels),
            nn.GELU(),
        )


class Airbench(nn.Module):
    """Whitening, three stages, max pooling and a linear layer.

    Args:
        num_classes: number of logits.
        widths: channels of the three stages.

    Shapes:
        images (N, 3, H, W) float with H, W >= 17 to logits (N, num_classes).
    """

    def __init__(self, num_classes: int, widths: tuple[int, int, int] = (64, 256, 256)) -> None:
        super().__init__()
        self.whitening = Whitening()
        self.activation = nn.GELU()
        inputs = (self.whitening.out_channels, *widths[:-1])
        self.stages = nn.Sequential(*[Stage(before, after) for before, after in zip(inputs, widths, strict=True)])
        self.pool = nn.AdaptiveMaxPool2d(1)
        self.classifier = nn.Linear(widths[-1], num_classes)
        self.logit_scale = 1 / 9  # section 3

    def fit_to_images(self, images: Tensor) -> None:
        """Fit the whitening to training images, (N, 3, H, W) float, normalised."""
        self.whitening.fit(images)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes) of `images` (N, 3, H, W)."""
        features = self.stages(self.activation(self.whitening(images)))
        return self.classifier(self.pool(features).flatten(1) * self.logit_scale)


def full(num_classes: int, *, widths: tuple[int, int, int] = (64, 256, 256)) -> nn.Module:
    """Paper's network for 94 % on CIFAR-10."""
    return Airbench(num_classes, widths)


def reduced(num_classes: int, *, widths: tuple[int, int, int] = (32, 64, 128)) -> nn.Module:
    """Reduced network: fewer channels."""
    return Airbench(num_classes, widths)


def _initialised_as_identity(convolution: nn.Conv2d) -> nn.Conv2d:
    """Initialise the first output channels as copies of the input channels (section 3.2)."""
    nn.init.dirac_(convolution.weight.data[: convolution.in_channels])
    return convolution
