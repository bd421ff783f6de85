"""Fully convolutional networks: VGG16-FCN32s and FCN8s (R1, R2, R4, R5), and ResNet101-FCN (R2).

Source: Long, Shelhamer and Darrell 2015, "Fully convolutional networks for semantic segmentation".

Any image size works. Pooling rounds up, so position i of pool5 covers pixels 32i to 32i + 31. fc6 (2x2, padding 1) has
one position more than pool5 in each direction, at the corners of its cells: pixels 0, 32, …, 32n. Transposed
convolutions map these to the grid of the finer map; the excess is cropped at the right and the bottom.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision.models.segmentation.fcn import FCNHead

from dlcvlib.models.backbone import as_backbone
from dlcvlib.models.batch_norm import accept_single_values
from dlcvlib.models.pyramid import Pyramid
from dlcvlib.models.segmenter import Segmenter
from dlcvlib.models.vgg import VGG16

COCO_CLASSES = 21  # of torchvision's published weights: 20 classes of Pascal VOC and the background


def bilinear_kernel(channels: int, factor: int) -> Tensor:
    """Weights of a transposed convolution that interpolates each channel bilinearly.

    Source: Long et al. 2015, section 3.3.

    Args:
        channels: channels of input and output.
        factor: upsampling factor, even.

    Returns:
        float32 (channels, channels, 2 * factor, 2 * factor), 0 from one channel to another.
    """
    distance = (torch.arange(2 * factor) - (factor - 0.5)).abs() / factor  # to the centre, in input pixels
    triangle = 1 - distance
    return torch.eye(channels)[:, :, None, None] * torch.outer(triangle, triangle)


def bilinear_upsampling(channels: int, factor: int, padding: int) -> nn.ConvTranspose2d:
    """Trainable transposed convolution initialised as bilinear interpolation per channel.

    Source: Long et al. 2015, section 3.3.

    Args:
        channels: channels of input and output.
        factor: upsampling factor, even.
        padding: rows and columns removed at each side of the output.

    Shapes:
        (N, channels, H, W) to (N, channels, factor * (H + 1) - 2 * padding, factor * (W + 1) - 2 * padding).
    """
    upsampling = nn.ConvTranspose2d(channels, channels, 2 * factor, stride=factor, padding=padding, bias=False)
    with torch.no_grad():
        upsampling.weight.copy_(bilinear_kernel(channels, factor))
    return upsampling


class VGG16FCN(nn.Module):
    """VGG16 with convolutions in place of its fully connected layers, up to the class scores.

    The paper's fc6 is 7x7; R5's is 2x2, without published weights, so fc6 and fc7 are initialised at random.

    Args:
        network: VGG16, whose `features` become the backbone.
        num_classes: number of logits.
        hidden: channels of fc6 and fc7.
        dropout: dropout probability of their outputs in [0, 1).
    """

    def __init__(self, network: VGG16, num_classes: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.backbone = network
        as_backbone(self.backbone)
        for layer in self.backbone.features:
            if isinstance(layer, nn.MaxPool2d):
                layer.ceil_mode = True  # rounds up
        channels = [layer.out_channels for layer in self.backbone.features if isinstance(layer, nn.Conv2d)]
        self.pool3_channels, self.pool4_channels, pool5_channels = channels[6], channels[9], channels[12]
        self.fc6 = nn.Conv2d(pool5_channels, hidden, kernel_size=2, padding=1)
        self.fc7 = nn.Conv2d(hidden, hidden, kernel_size=1)
        self.score = nn.Conv2d(hidden, num_classes, kernel_size=1)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(dropout)
        for layer in (self.fc6, self.fc7):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def pools(self, images: Tensor) -> list[Tensor]:
        """Return the outputs of the five pooling layers, at strides 2, 4, …, 32, sizes rounded up."""
        pools, features = [], images
        for layer in self.backbone.features:
            features = layer(features)
            if isinstance(layer, nn.MaxPool2d):
                pools.append(features)
        return pools

    def coarse_scores(self, pool5: Tensor) -> Tensor:
        """Return class scores (N, num_classes, h + 1, w + 1) at the corners of the cells of `pool5` (N, C, h, w)."""
        features = self.dropout(self.relu(self.fc6(pool5)))
        return self.score(self.dropout(self.relu(self.fc7(features))))


class FCN32s(VGG16FCN):
    """Class scores upsampled by 32.

    Shapes:
        images (N, 3, H, W) float of any size to logits (N, num_classes, H, W).
    """

    def __init__(self, network: VGG16, num_classes: int, hidden: int, dropout: float) -> None:
        super().__init__(network, num_classes, hidden, dropout)
        self.upscore = bilinear_upsampling(num_classes, factor=32, padding=32)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes, H, W) of `images` (N, 3, H, W)."""
        pool5 = self.pools(images)[-1]  # (N, C, H/32, W/32), rounded up
        scores = self.coarse_scores(pool5)  # (N, num_classes, H/32 + 1, W/32 + 1)
        return cropped(self.upscore(scores), images)  # (N, num_classes, H, W)


class FCN8s(VGG16FCN):
    """Class scores upsampled by 2, added to those of pool4, by 2, added to those of pool3, and by 8.

    The score layers of pool4 and pool3 are initialised with zeros (section 4.2).

    Shapes:
        images (N, 3, H, W) float of any size to logits (N, num_classes, H, W).
    """

    def __init__(self, network: VGG16, num_classes: int, hidden: int, dropout: float) -> None:
        super().__init__(network, num_classes, hidden, dropout)
        self.score_pool4 = nn.Conv2d(self.pool4_channels, num_classes, kernel_size=1)
        self.score_pool3 = nn.Conv2d(self.pool3_channels, num_classes, kernel_size=1)
        for parameter in (*self.score_pool4.parameters(), *self.score_pool3.parameters()):
            nn.init.zeros_(parameter)
        self.upscore2 = bilinear_upsampling(num_classes, factor=2, padding=2)  # from corners of cells to centres
        self.upscore_pool4 = bilinear_upsampling(num_classes, factor=2, padding=1)
        self.upscore8 = bilinear_upsampling(num_classes, factor=8, padding=4)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes, H, W) of `images` (N, 3, H, W)."""
        _, _, pool3, pool4, pool5 = self.pools(images)
        scores32 = self.coarse_scores(pool5)  # (N, num_classes, H/32 + 1, W/32 + 1)
        scores16 = fuse(scores32, self.score_pool4(pool4), self.upscore2)  # (N, num_classes, H/16, W/16)
        scores8 = fuse(scores16, self.score_pool3(pool3), self.upscore_pool4)  # (N, num_classes, H/8, W/8)
        return cropped(self.upscore8(scores8), images)  # (N, num_classes, H, W)


class ResNetFCN(Segmenter):
    """torchvision's FCN with the 21 classes of its COCO weights, and a 1x1 convolution from these to `num_classes`.

    The auxiliary head has the 21 classes too, and shares the 1x1 convolution.

    Args:
        backbone: backbone with atrous convolutions.
        num_classes: number of logits.
        auxiliary: True for an auxiliary head; see `Segmenter`.

    Shapes:
        images (N, 3, H, W) float of any size to logits (N, num_classes, H, W).
    """

    def __init__(self, backbone: Pyramid, num_classes: int, auxiliary: bool) -> None:
        super().__init__(backbone, COCO_CLASSES if auxiliary else None)
        self.classifier = FCNHead(backbone.channels[-1], COCO_CLASSES)
        self.head = nn.Conv2d(COCO_CLASSES, num_classes, kernel_size=1)

    def scores(self, maps: list[Tensor]) -> Tensor:
        """Return logits at the resolution of the last feature map."""
        return self.head(self.classifier(maps[-1]))

    def auxiliary_scores(self, maps: list[Tensor]) -> Tensor:
        """Return logits of the auxiliary head at the resolution of the second-last feature map."""
        return self.head(super().auxiliary_scores(maps))


def fuse(coarse: Tensor, fine: Tensor, upsample: Callable[[Tensor], Tensor]) -> Tensor:
    """Add coarse scores (N, C, h, w), upsampled and cropped, to finer ones (N, C, H, W): FCN's skip connection.

    Source: Long et al. 2015, section 4.2.
    """
    return cropped(upsample(coarse), fine) + fine


def cropped(scores: Tensor, like: Tensor) -> Tensor:
    """Crop `scores` (N, C, H, W) at the right and the bottom to the height and width of `like`."""
    return scores[..., : like.shape[-2], : like.shape[-1]]


def full32s(network: VGG16, num_classes: int, *, dropout: float = 0.5) -> nn.Module:
    """VGG16-FCN32s, 40,118,087 parameters for 7 classes; R5 reports a mean IoU of 0.6720."""
    return FCN32s(network, num_classes, hidden=4096, dropout=dropout)


def reduced32s(network: VGG16, num_classes: int, *, dropout: float = 0.0, hidden: int = 128) -> nn.Module:
    """Reduced network: narrow layers."""
    return FCN32s(network, num_classes, hidden, dropout)


def full8s(network: VGG16, num_classes: int, *, dropout: float = 0.5) -> nn.Module:
    """VGG16-FCN8s, 39,936,885 parameters for 7 classes; R5 reports a mean IoU of 0.6921."""
    return FCN8s(network, num_classes, hidden=4096, dropout=dropout)


def reduced8s(network: VGG16, num_classes: int, *, dropout: float = 0.0, hidden: int = 128) -> nn.Module:
    """Reduced network: narrow layers."""
    return FCN8s(network, num_classes, hidden, dropout)


def full_resnet(network: nn.Module, num_classes: int, *, output_stride: int = 8, auxiliary: bool = False) -> nn.Module:
    """ResNet101-FCN; R2 reports a mean IoU of 0.7475.

    Args:
        network: classifier whose layers become the backbone.
        num_classes: number of logits.
        output_stride: output stride of the backbone, 8 as in torchvision.
        auxiliary: True for an auxiliary head; `model(images, with_auxiliary=True)` also returns its logits.
    """
    return accept_single_values(ResNetFCN(Pyramid(network, output_stride), num_classes, auxiliary))
