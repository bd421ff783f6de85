"""What segmenters on a pyramid of features have in common: logits as large as the images, and an auxiliary head."""

from __future__ import annotations

from typing import Literal, NamedTuple, overload

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.segmentation.fcn import FCNHead

from dlcvlib.models.pyramid import Pyramid

AUXILIARY = "aux_classifier."  # torchvision's name


class WithAuxiliary(NamedTuple):
    """Logits (N, num_classes, H, W) of the network, and of its auxiliary head."""

    logits: Tensor
    auxiliary: Tensor


class Segmenter(nn.Module):
    """A backbone, scores computed from its maps, and bilinear interpolation to the size of the images.

    The auxiliary head of Zhao et al. 2017 ("Pyramid scene parsing network", section 3.3) learns the same labels from
    the map before the last, which helps deep backbones to train; it is asked for by `with_auxiliary=True`.

    Args:
        backbone: whose maps are used.
        auxiliary_classes: number of logits of the auxiliary head; None leaves it out.
    """

    def __init__(self, backbone: Pyramid, auxiliary_classes: int | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.aux_classifier = FCNHead(backbone.channels[-2], auxiliary_classes) if auxiliary_classes else None

    def scores(self, maps: list[Tensor]) -> Tensor:
        """Coarse logits (N, num_classes, h, w) from the backbone's maps."""
        raise NotImplementedError

    def auxiliary_scores(self, maps: list[Tensor]) -> Tensor:
        """Coarse logits of the auxiliary head.

        Raises:
            ValueError: the network was built without it.
        """
        if self.aux_classifier is None:
            raise ValueError(f"this {type(self).__name__} has no auxiliary head; build it with auxiliary=True")
        return self.aux_classifier(maps[-2])

    @overload
    def forward(self, images: Tensor, *, with_auxiliary: Literal[False] = False) -> Tensor: ...

    @overload
    def forward(self, images: Tensor, *, with_auxiliary: Literal[True]) -> WithAuxiliary: ...

    def forward(self, images: Tensor, *, with_auxiliary: bool = False) -> Tensor | WithAuxiliary:
        """Logits (N, num_classes, H, W) of `images` (N, 3, H, W); with those of the auxiliary head if asked for."""
        size, maps = images.shape[-2:], self.backbone(images)
        logits = _interpolated(self.scores(maps), size)
        if not with_auxiliary:
            return logits
        return WithAuxiliary(logits, _interpolated(self.auxiliary_scores(maps), size))


def fit_auxiliary_head(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Published weights for this model: without their auxiliary head if it has none, or one of another size."""
    own = {key: tensor for key, tensor in model.state_dict().items() if key.startswith(AUXILIARY)}
    body = {key: tensor for key, tensor in state.items() if not key.startswith(AUXILIARY)}
    fits = all(key in state and state[key].shape == tensor.shape for key, tensor in own.items())
    return body | {key: state[key] if fits else tensor for key, tensor in own.items()}


def _interpolated(scores: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(scores, size=size, mode="bilinear", align_corners=False)
