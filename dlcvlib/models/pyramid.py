"""The maps of features inside a classifier, from fine to coarse: the backbone of a segmenter."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.models import MobileNetV2

from dlcvlib.models.backbone import NoClassifier, as_backbone

SMALLEST_OUTPUT_STRIDE = 4  # below it, all layers would work at the images' own resolution


class Pyramid(nn.Module):
    """A ResNet or MobileNetV2 without its classifier, which returns the last features of each of its stages.

    A stage begins where the network halves height and width. The keys of the state dict are the network's own, without
    those of removed layers, so that `models.load_into` and `models.pretrained` take a classifier's weights. Of
    MobileNetV2 the last 1x1 convolution, 320 to 1280 channels, is removed too (Sandler et al. 2018, section 6.3).

    Args:
        network: a classifier, whose layers are taken over.
        output_stride: pixels of the image to one position of the last map, in each direction. Stages that would be
            coarser keep their resolution by atrous convolutions; None changes nothing.

    Attributes:
        channels: of each map.
        strides: of each map in pixels, were there no atrous convolutions: (2, 4, 8, 16, 32) for most.

    Shapes:
        images (N, 3, H, W) float to one map (N, channels[i], ceil(H / stride), ceil(W / stride)) a stage.

    Raises:
        ValueError: `output_stride` is none of this network's strides from 4 on.
    """

    def __init__(self, network: nn.Module, output_stride: int | None = None) -> None:
        super().__init__()
        as_backbone(network)
        if isinstance(network, MobileNetV2):
            network.features[-1] = NoClassifier()
        for name, child in network.named_children():
            self.add_module(name, child)
        self.stages: list[list[str]] = []
        stride, strides = 1, []
        for name in _layer_names(network):
            step = _stride(self.get_submodule(name))
            stride *= step
            if step > 1 or not self.stages:
                self.stages.append([])
                strides.append(stride)
            self.stages[-1].append(name)
        self.strides = tuple(strides)
        self.channels = tuple(_last_convolution(self._layers(stage)).out_channels for stage in self.stages)
        if output_stride is not None:
            self._limit_stride(output_stride)

    def forward(self, images: Tensor) -> list[Tensor]:
        """The maps of `images`, (N, 3, H, W), from fine to coarse."""
        maps, features = [], images
        for stage in self.stages:
            for layer in self._layers(stage):
                features = layer(features)
            maps.append(features)
        return maps

    def _layers(self, stage: Sequence[str]) -> list[nn.Module]:
        return [self.get_submodule(name) for name in stage]

    def _limit_stride(self, output_stride: int) -> None:
        possible = [stride for stride in self.strides if stride >= SMALLEST_OUTPUT_STRIDE]
        if output_stride not in possible:
            raise ValueError(
                f"output_stride={output_stride!r} is none of this backbone's; "
                f"choose one of {', '.join(map(str, possible))}"
            )
        dilation = 1
        for stage, stride in zip(self.stages, self.strides, strict=True):
            if stride > output_stride:
                dilation = dilate(self._layers(stage), dilation)


def dilate(layers: Sequence[nn.Module], dilation: int = 1) -> int:
    """Let convolutions skip positions instead of striding, in place: every output of before is kept, with more between.

    A convolution that strode still sees the positions of before; those after it skip what it has left out no longer
    (the atrous algorithm, Chen et al. 2017, "Rethinking atrous convolution for semantic image segmentation", 3.1).

    Args:
        layers: in the order of the forward pass, with shortcuts after the path that they shorten.
        dilation: positions from one input of the first convolution to the next.

    Returns:
        the dilation for what follows.
    """
    for layer in layers:
        for convolution in layer.modules():
            if not isinstance(convolution, nn.Conv2d):
                continue
            if (size := convolution.kernel_size[0]) > 1:  # 1x1 is a shortcut, whose stride its path has counted
                convolution.dilation = (dilation, dilation)
                convolution.padding = (dilation * (size // 2), dilation * (size // 2))
                dilation *= convolution.stride[0]
            convolution.stride = (1, 1)
    return dilation


def _layer_names(network: nn.Module) -> list[str]:
    """Layers in the order of the forward pass, up to global pooling."""
    children = [name for name, _ in network.named_children()]
    if "features" in children:
        return [f"features.{name}" for name, _ in network.get_submodule("features").named_children()]
    return children[: children.index("avgpool")]


def _stride(layer: nn.Module) -> int:
    strides = [module.stride for module in layer.modules() if isinstance(module, nn.Conv2d | nn.MaxPool2d)]
    return max((stride if isinstance(stride, int) else stride[0] for stride in strides), default=1)


def _last_convolution(layers: Sequence[nn.Module]) -> nn.Conv2d:
    return [module for layer in layers for module in layer.modules() if isinstance(module, nn.Conv2d)][-1]
