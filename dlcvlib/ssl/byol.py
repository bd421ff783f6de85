"""BYOL: predict, from one view of an image, what a slowly following copy of the network says of another view.

Source: Grill et al. 2020, Bootstrap your own latent, https://arxiv.org/abs/2006.07733.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dlcvlib.ssl.momentum import follow, frozen_copy
from dlcvlib.ssl.monitors import output_spread

COLLAPSED_SPREAD = 0.05
"""Spread of the projections below which all images are the same to the network; healthy ones have about 1."""


def byol_loss(p1: Tensor, p2: Tensor, z1: Tensor, z2: Tensor) -> Tensor:
    """Squared distance of unit vectors, 2 - 2 cos, in both directions, summed; equation 2 of the paper, symmetrised.

    Args:
        p1: (N, D) float, the online network's prediction from the first view; it is compared with `z2`.
        p2: (N, D) likewise from the second view, compared with `z1`.
        z1: (N, D) the target network's projection of the first view; no gradient goes into it.
        z2: (N, D) likewise of the second view.

    Returns:
        scalar in [0, 8], the mean over the batch.
    """
    forth = functional.cosine_similarity(p1, z2.detach(), dim=1)
    back = functional.cosine_similarity(p2, z1.detach(), dim=1)
    return (4 - 2 * forth - 2 * back).mean()


def perceptron(width: int, hidden: int, out: int) -> nn.Sequential:
    """Projector and predictor alike: linear, batch normalisation, ReLU, linear; section 3.2 of the paper."""
    return nn.Sequential(
        nn.Linear(width, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True), nn.Linear(hidden, out)
    )


class BYOL(nn.Module):
    """The online network (backbone, projector, predictor) and the target network (backbone, projector).

    Args:
        backbone: maps images (N, 3, H, W) to features (N, width).
        width: of its features.
        hidden: width of the hidden layer of projector and predictor.
        out: length of a projection.
        predictor: without it nothing keeps the network from saying the same of every image (section 5 of the paper):
            that is for showing a collapse.
        follows: whether there is a target that follows without gradient; without it the online network is compared
            with itself, from both sides. For showing a collapse too.
    """

    def __init__(
        self,
        backbone: nn.Module,
        width: int,
        *,
        hidden: int = 4096,
        out: int = 256,
        predictor: bool = True,
        follows: bool = True,
    ) -> None:
        super().__init__()
        self.online = nn.Sequential(backbone, perceptron(width, hidden, out))
        self.predictor = perceptron(out, hidden, out) if predictor else nn.Identity()
        self.target = frozen_copy(self.online)
        self.follows = follows

    @property
    def backbone(self) -> nn.Module:
        """What is evaluated and kept: the online network's backbone (section 3.1 of the paper)."""
        return self.online[0]

    @property
    def networks(self) -> list[nn.Module]:
        """Those that a step runs."""
        return [self.online, self.predictor, self.target]

    @property
    def follower(self) -> tuple[nn.Module, nn.Module]:
        """The network that follows, and the one that it follows."""
        return self.target, self.online

    def loss(self, views: Sequence[Tensor], epoch: int) -> Tensor:
        """The loss of a batch seen in two views, each (N, 3, H, W); `epoch` counts from 0."""
        first, second = views
        p1, p2 = (self.predictor(self.online(view)).float() for view in (first, second))
        if not self.follows:
            return (4 - 4 * functional.cosine_similarity(p1, p2, dim=1)).mean()
        with torch.no_grad():
            z1, z2 = (self.target(view).float() for view in (first, second))
        return byol_loss(p1, p2, z1, z2)

    def after_backward(self, epoch: int) -> None:
        """Nothing is done to the gradients."""

    def follow(self, momentum: float) -> None:
        """Let the target follow by one step."""
        follow(self.target, self.online, momentum)

    def head_output(self, features: Tensor) -> Tensor:
        """The online network's projections (N, out) of backbone features (N, width)."""
        return self.online[1](features)

    def health(self, outputs: Tensor, epoch: int) -> dict[str, float]:
        """Spread of the projections of held-out images: about 1 is healthy, 0 is collapse."""
        return {"output_spread": output_spread(outputs)}

    def collapse(self, health: dict[str, float]) -> str | None:
        """In words, what is wrong; None if nothing is."""
        spread = health["output_spread"]
        if spread >= COLLAPSED_SPREAD:
            return None
        return (
            f"the projections of all images are one point (spread {spread:.3f}, where about 1 is healthy): "
            "predicting a constant costs nothing, so nothing is learnt any more"
        )
