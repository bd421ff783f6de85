"""Backbones: networks without their last layer, and a linear classifier on top of one."""

from __future__ import annotations

from torch import Tensor, nn

from dlcvlib.models.features import classifier_name, classifier_of


def feature_dim(model: nn.Module) -> int:
    """Number of input features of the last layer of a classifier."""
    last = classifier_of(model)
    assert isinstance(last, nn.Linear | nn.Conv2d)
    return last.in_channels if isinstance(last, nn.Conv2d) else last.in_features


class NoClassifier(nn.Identity):
    """Placeholder of a removed classifier; its name tells which keys of a state dict to skip."""


def as_backbone(model: nn.Module) -> nn.Module:
    """Remove the last layer of a classifier, in place; it then maps images (N, 3, H, W) to features (N, D).

    The other keys of its state dict do not change.
    """
    model.set_submodule(classifier_name(model), NoClassifier())
    return model


def removed_layers(model: nn.Module) -> tuple[str, ...]:
    """Dotted names of the layers that `as_backbone` removed; () for a complete network."""
    return tuple(name for name, module in model.named_modules() if isinstance(module, NoClassifier))


class LinearClassifier(nn.Module):
    """A backbone and one linear layer on its features.

    Args:
        backbone: maps images (N, 3, H, W) to features (N, width).
        width: number of features.
        num_classes: number of logits.
    """

    def __init__(self, backbone: nn.Module, width: int, num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes) of `images` (N, 3, H, W)."""
        return self.classifier(self.backbone(images))
