"""Base class of segmenters on a feature pyramid: upsampled logits, and an auxiliary head."""

from __future__ import annotations

from typing import Literal, NamedTuple, overload

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.segmentation.fcn import FCNHead

from dlcvlib.models.pyramid import Pyramid

AUXILIARY = "aux_classifier."  # torchvision's name


class WithAuxiliary(NamedTuple):
    """Logits (N, num_classes, H, W) of the network and of its auxiliary head."""

    logits: Tensor
    auxiliary: Tensor


class Segmenter(nn.Module):
    """Segmenter: a backbone, coarse scores from its feature maps, bilinear interpolation to the size of the images.

    The auxiliary head of Zhao et al. 2017 ("Pyramid scene parsing network", section 3.3) predicts the same labels from
    the second-last feature map, for a second loss in training.

    Args:
        backbone: feature pyramid.
        auxiliary_classes: number of logits of the auxiliary head; None for no such head.
    """

    def __init__(self, backbone: Pyramid, auxiliary_classes: int | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.aux_classifier = FCNHead(backbone.channels[-2], auxiliary_classes) if auxiliary_classes else None

    def scores(self, maps: list[Tensor]) -> Tensor:
        """Return coarse logits (N, num_classes, h, w) from the feature maps."""
        raise NotImplementedError

    def auxiliary_scores(self, maps: list[Tensor]) -> Tensor:
        """Return coarse logits of the auxiliary head; raise a ValueError if there is none."""
        if self.aux_classifier is None:
            raise ValueError(f"this {type(self).__name__} has no auxiliary head; build it with auxiliary=True")
        return self.aux_classifier(maps[-2])

    @overload
    def forward(self, images: Tensor, *, with_auxiliary: Literal[False] = False) -> Tensor: ...

    @overload
    def forward(self, images: Tensor, *, with_auxiliary: Literal[True]) -> WithAuxiliary: ...

    def forward(self, images: Tensor, *, with_auxiliary: bool = False) -> Tensor | WithAuxiliary:
        """Logits (N, num_classes, H, W) of `images` (N, 3, H, W), with those of the auxiliary head if requested."""
        size, maps = images.shape[-2:], self.backbone(images)
        logits = _interpolated(self.scores(maps), size)
        if not with_auxiliary:
            return logits
        return WithAuxiliary(logits, _interpolated(self.auxiliary_scores(maps), size))


def fit_auxiliary_head(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Fit published weights to a model: drop or keep their auxiliary head, or take the model's if shapes differ."""
    own = {key: tensor for key, tensor in model.state_dict().items() if key.startswith(AUXILIARY)}
    body = {key: tensor for key, tensor in state.items() if not key.startswith(AUXILIARY)}
    fits = all(key in state and state[key].shape == tensor.shape for key, tensor in own.items())
    return body | {key: state[key] if fits else tensor for key, tensor in own.items()}


def _interpolated(scores: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(scores, size=size, mode="bilinear", align_corners=False)
