"""Multi-scale feature maps of a classifier: the backbone of a segmenter."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.models import MobileNetV2

from dlcvlib.models.backbone import NoClassifier, as_backbone

SMALLEST_OUTPUT_STRIDE = 4  # below it, all layers would run at full resolution


class Pyramid(nn.Module):
    """A ResNet or MobileNetV2 without its classifier, which returns the last feature map of each stage.

    A stage begins at each stride of 2. The state dict has the keys of the network, without the removed layers, so
    that `models.load_into` and `models.pretrained` accept the weights of a classifier. The last 1x1 convolution of
    MobileNetV2, 320 to 1280 channels, is removed too (Sandler et al. 2018, section 6.3).

    Args:
        network: classifier whose layers are used.
        output_stride: stride of the last map; coarser stages get atrous convolutions instead. None for no change.

    Attributes:
        channels: number of channels of each map.
        strides: stride of each map in pixels, without atrous convolutions: (2, 4, 8, 16, 32) for most.

    Shapes:
        images (N, 3, H, W) float to one map (N, channels[i], ceil(H / stride), ceil(W / stride)) per stage.

    Raises:
        ValueError: `output_stride` is not a stride of this network, or below 4.
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
        """Return the feature maps of `images`, (N, 3, H, W), from fine to coarse."""
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
                f"output_stride={output_stride!r} is not a stride of this backbone; "
                f"choose one of {', '.join(map(str, possible))}"
            )
        dilation = 1
        for stage, stride in zip(self.stages, self.strides, strict=True):
            if stride > output_stride:
                dilation = dilate(self._layers(stage), dilation)


def dilate(layers: Sequence[nn.Module], dilation: int = 1) -> int:
    """Replace strides by dilation of the convolutions after them, in place (the atrous algorithm).

    Source: Chen et al. 2017, "Rethinking atrous convolution for semantic image segmentation", section 3.1.

    Args:
        layers: layers in the order of the forward pass, shortcuts after the residual path.
        dilation: dilation of the first convolution.

    Returns:
        dilation for the following layers.
    """
    for layer in layers:
        for convolution in layer.modules():
            if not isinstance(convolution, nn.Conv2d):
                continue
            if (
                size := convolution.kernel_size[0]
            ) > 1:  # 1x1: a shortcut, whose stride is counted in the residual path
                convolution.dilation = (dilation, dilation)
                convolution.padding = (dilation * (size // 2), dilation * (size // 2))
                dilation *= convolution.stride[0]
            convolution.stride = (1, 1)
    return dilation


def _layer_names(network: nn.Module) -> list[str]:
    """Return the names of the layers before global pooling, in the order of the forward pass."""
    children = [name for name, _ in network.named_children()]
    if "features" in children:
        return [f"features.{name}" for name, _ in network.get_submodule("features").named_children()]
    return children[: children.index("avgpool")]


def _stride(layer: nn.Module) -> int:
    strides = [module.stride for module in layer.modules() if isinstance(module, nn.Conv2d | nn.MaxPool2d)]
    return max((stride if isinstance(stride, int) else stride[0] for stride in strides), default=1)


def _last_convolution(layers: Sequence[nn.Module]) -> nn.Conv2d:
    return [module for layer in layers for module in layer.modules() if isinstance(module, nn.Conv2d)][-1]
