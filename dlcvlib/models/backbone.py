"""A network without its last layer, and one linear layer on top of it: what problem 2 works on."""

from __future__ import annotations

from torch import Tensor, nn

from dlcvlib.models.features import classifier_name, classifier_of


def feature_dim(model: nn.Module) -> int:
    """Number of features that go into the last layer of a classifier."""
    last = classifier_of(model)
    assert isinstance(last, nn.Linear | nn.Conv2d)
    return last.in_channels if isinstance(last, nn.Conv2d) else last.in_features


class NoClassifier(nn.Identity):
    """Stands where a backbone's classifier was, so that weights of the whole network find what to leave out."""


def as_backbone(model: nn.Module) -> nn.Module:
    """Take the last layer out of a classifier, in place; it then maps images (N, 3, H, W) to features (N, D).

    The other keys of its state dict stay as they are.
    """
    model.set_submodule(classifier_name(model), NoClassifier())
    return model


def removed_layers(model: nn.Module) -> tuple[str, ...]:
    """Dotted names of the places that `as_backbone` emptied; none in a network that still has its classifier."""
    return tuple(name for name, module in model.named_modules() if isinstance(module, NoClassifier))


class LinearClassifier(nn.Module):
    """A backbone and one linear layer on its features: the same head for every network.

    Args:
        backbone: maps images (N, 3, H, W) to features (N, width).
        width: of its features.
        num_classes: number of logits.
    """

    def __init__(self, backbone: nn.Module, width: int, num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes) of `images` (N, 3, H, W)."""
        return self.classifier(self.backbone(images))
