"""DeepLabV3 and DeepLabV3+ (R1, R3, R4).

Sources: Chen et al. 2017, "Rethinking atrous convolution for semantic image segmentation" (V3); Chen et al. 2018,
"Encoder-decoder with atrous separable convolution for semantic image segmentation" (V3+).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dlcvlib.models.aspp import ASPP, convolution_layer
from dlcvlib.models.batch_norm import accept_single_values
from dlcvlib.models.pyramid import Pyramid
from dlcvlib.models.segmenter import Segmenter

REACH = 96  # first atrous rate in image pixels: rate 6 at output stride 16
REDUCED_REACH = 8


class DeepLabV3(Segmenter):
    """ASPP on the last feature map, one 3x3 convolution, 1x1 convolution to logits, with torchvision's keys.

    Args:
        backbone: backbone with atrous convolutions.
        num_classes: number of logits.
        rates: atrous rates of the ASPP.
        width: channels of the ASPP and of the convolution after it.
        dropout: see `ASPP`.
        auxiliary: True for an auxiliary head; see `Segmenter`.

    Shapes:
        images (N, 3, H, W) float of any size to logits (N, num_classes, H, W).
    """

    def __init__(
        self, backbone: Pyramid, num_classes: int, rates: Sequence[int], width: int, dropout: float, auxiliary: bool
    ) -> None:
        super().__init__(backbone, num_classes if auxiliary else None)
        self.classifier = nn.Sequential(
            ASPP(backbone.channels[-1], rates, width, dropout),
            *convolution_layer(width, width, size=3),
            nn.Conv2d(width, num_classes, kernel_size=1),
        )

    def scores(self, maps: list[Tensor]) -> Tensor:
        """Return logits at the resolution of the last feature map."""
        return self.classifier(maps[-1])


class Decoder(nn.Module):
    """V3+ decoder: two 3x3 convolutions on the upsampled ASPP features and a finer map, concatenated.

    Source: Chen et al. 2018, section 3.1 and tables 1 and 2.

    Args:
        fine_channels: channels of the finer map.
        width: channels of the ASPP features and of the output; the finer map is reduced to 3/16 of it (48 of 256).

    Shapes:
        features (N, width, h, w) and fine (N, fine_channels, H, W) to (N, width, H, W).
    """

    def __init__(self, fine_channels: int, width: int) -> None:
        super().__init__()
        reduced = 3 * width // 16
        self.reduce = convolution_layer(fine_channels, reduced, size=1)
        self.merge = nn.Sequential(
            convolution_layer(width + reduced, width, size=3), convolution_layer(width, width, size=3)
        )

    def forward(self, features: Tensor, fine: Tensor) -> Tensor:
        """Merge both at the resolution of `fine`."""
        enlarged = functional.interpolate(features, size=fine.shape[-2:], mode="bilinear", align_corners=False)
        both = torch.cat([enlarged, self.reduce(fine)], dim=1)  # (N, width + 3 * width // 16, H, W)
        return self.merge(both)  # (N, width, H, W)


class DeepLabV3Plus(Segmenter):
    """ASPP on the last feature map and the decoder; arguments as `DeepLabV3`.

    Args:
        fine_stride: stride of the finer map of the decoder.
    """

    def __init__(
        self,
        backbone: Pyramid,
        num_classes: int,
        rates: Sequence[int],
        width: int,
        dropout: float,
        auxiliary: bool,
        fine_stride: int,
    ) -> None:
        super().__init__(backbone, num_classes if auxiliary else None)
        self.fine = backbone.strides.index(fine_stride)
        self.aspp = ASPP(backbone.channels[-1], rates, width, dropout)
        self.decoder = Decoder(backbone.channels[self.fine], width)
        self.classifier = nn.Conv2d(width, num_classes, kernel_size=1)

    def scores(self, maps: list[Tensor]) -> Tensor:
        """Return logits at the resolution of the finer map."""
        return self.classifier(self.decoder(self.aspp(maps[-1]), maps[self.fine]))


def full_v3(
    network: nn.Module,
    num_classes: int,
    *,
    output_stride: int = 8,
    atrous_rates: Sequence[int] | None = None,
    auxiliary: bool = False,
    dropout: float = 0.5,
) -> nn.Module:
    """DeepLabV3; R1 reports a mean IoU of 0.7478 and R4 0.7438 with ResNet50.

    Args:
        network: classifier whose layers become the backbone.
        num_classes: number of logits.
        output_stride: output stride of the backbone, 8 as in torchvision, or 16.
        atrous_rates: rates of the ASPP, by default 12, 24, 36 at output stride 8 and 6, 12, 18 at 16.
        auxiliary: True for an auxiliary head; `model(images, with_auxiliary=True)` also returns its logits.
        dropout: dropout probability of the ASPP in [0, 1).
    """
    backbone = Pyramid(network, output_stride)
    rates = _checked_rates(atrous_rates, output_stride, REACH)
    return accept_single_values(DeepLabV3(backbone, num_classes, rates, 256, dropout, auxiliary))


def reduced_v3(
    network: nn.Module,
    num_classes: int,
    *,
    output_stride: int = 8,
    atrous_rates: Sequence[int] | None = None,
    auxiliary: bool = False,
    dropout: float = 0.1,
    width: int = 32,
) -> nn.Module:
    """Reduced DeepLabV3: fewer channels, rates 1, 2, 3 at output stride 8."""
    backbone = Pyramid(network, output_stride)
    rates = _checked_rates(atrous_rates, output_stride, REDUCED_REACH)
    return accept_single_values(DeepLabV3(backbone, num_classes, rates, width, dropout, auxiliary))


def full_v3plus(
    network: nn.Module,
    num_classes: int,
    *,
    output_stride: int = 16,
    atrous_rates: Sequence[int] | None = None,
    auxiliary: bool = False,
    dropout: float = 0.5,
) -> nn.Module:
    """DeepLabV3+; R3 reports a mean IoU of 0.761. Arguments as `full_v3`, output stride 16 as in the paper."""
    backbone = Pyramid(network, output_stride)
    rates = _checked_rates(atrous_rates, output_stride, REACH)
    return accept_single_values(DeepLabV3Plus(backbone, num_classes, rates, 256, dropout, auxiliary, fine_stride=4))


def reduced_v3plus(
    network: nn.Module,
    num_classes: int,
    *,
    output_stride: int = 8,
    atrous_rates: Sequence[int] | None = None,
    auxiliary: bool = False,
    dropout: float = 0.1,
    width: int = 32,
) -> nn.Module:
    """Reduced DeepLabV3+: fewer channels, a decoder at stride 2."""
    backbone = Pyramid(network, output_stride)
    rates = _checked_rates(atrous_rates, output_stride, REDUCED_REACH)
    return accept_single_values(DeepLabV3Plus(backbone, num_classes, rates, width, dropout, auxiliary, fine_stride=2))


def _checked_rates(rates: Sequence[int] | None, output_stride: int, reach: int) -> tuple[int, ...]:
    if rates is None:
        unit = max(1, reach // output_stride)
        return (unit, 2 * unit, 3 * unit)
    if not rates or any(not isinstance(rate, int) or rate < 1 for rate in rates):
        raise ValueError(f"atrous_rates={rates!r} must be whole numbers of at least 1, such as (6, 12, 18)")
    return tuple(rates)
