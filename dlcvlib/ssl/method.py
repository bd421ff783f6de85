"""Base class of the self-supervised methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from dlcvlib.ssl.ema import update_ema
from dlcvlib.ssl.monitors import normalized_std

COLLAPSED_STD = 0.05
"""Value of `normalized_std` of the head's outputs below which a network counts as collapsed; about 1 is healthy."""


class Method(nn.Module, ABC):
    """Networks, and a loss between views of unlabelled images.

    A new method subclasses it in a file of its own and is listed in `dlcvlib.ssl.METHODS`. It defines `backbone`,
    `loss` and `head_output`, and overrides the defaults that do not fit. Its constructor takes the backbone, its
    `feature_dim` and keyword options; `dlcvlib.ssl.build` passes `views` and `epochs` to a constructor that names them.
    """

    @property
    @abstractmethod
    def backbone(self) -> nn.Module:
        """Backbone that is evaluated and stored."""

    @abstractmethod
    def loss(self, views: Sequence[Tensor], epoch: int) -> Tensor:
        """Return the scalar loss of a batch of views, each (N, 3, H, W); `epoch` counts from 0."""

    @abstractmethod
    def head_output(self, features: Tensor) -> Tensor:
        """Return the head's outputs (N, D) for backbone features (N, feature_dim)."""

    @property
    def networks(self) -> list[nn.Module]:
        """Modules that a training step runs, each compiled on its own."""
        return list(self.children())

    @property
    def target_and_online(self) -> tuple[nn.Module, nn.Module] | None:
        """Target (or teacher) network and the network that it averages; None for a method without a target."""
        return None

    def after_backward(self, epoch: int) -> None:
        """Change the gradients before the optimizer's step."""
        return

    def update_target(self, momentum: float) -> None:
        """Update the target network, if there is one, by one EMA step."""
        if self.target_and_online:
            update_ema(*self.target_and_online, momentum)

    def health(self, outputs: Tensor, epoch: int) -> dict[str, float]:
        """Return the columns of the history that show a collapse, from head outputs (N, D) of held-out images."""
        return {"output_spread": normalized_std(outputs)}

    def collapse(self, health: dict[str, float]) -> str | None:
        """Return a description of the collapse that `health` shows, None if there is none."""
        std = health["output_spread"]
        if std >= COLLAPSED_STD:
            return None
        return (
            f"the projections of all images are one point (normalised std {std:.3f}, where about 1 is healthy): "
            "a constant output minimises the loss, so training has stopped learning"
        )
