"""BYOL: predict the target network's projection of one view from another view of the same image.

Source: Grill et al. 2020, Bootstrap your own latent, https://arxiv.org/abs/2006.07733.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dlcvlib.ssl.ema import frozen_copy
from dlcvlib.ssl.method import Method
from dlcvlib.ssl.mlp import mlp


def byol_loss(p1: Tensor, p2: Tensor, z1: Tensor, z2: Tensor) -> Tensor:
    """Squared distance of unit vectors, 2 - 2 cos, summed over both directions; equation 2 of the paper, symmetrised.

    Args:
        p1: (N, D) float, the online network's prediction from the first view, compared with `z2`.
        p2: (N, D) float, its prediction from the second view, compared with `z1`.
        z1: (N, D) float, the target network's projection of the first view; takes no gradient.
        z2: (N, D) float, its projection of the second view; takes no gradient.

    Returns:
        scalar in [0, 8], the mean over the batch.
    """
    forth = functional.cosine_similarity(p1, z2.detach(), dim=1)
    back = functional.cosine_similarity(p2, z1.detach(), dim=1)
    return (4 - 2 * forth - 2 * back).mean()


class BYOL(Method):
    """Online network (backbone, projector, predictor) and target network (backbone, projector).

    The online backbone is the one evaluated, as in section 3.1 of the paper.

    Args:
        backbone: maps images (N, 3, H, W) to features (N, feature_dim).
        feature_dim: length of a feature vector.
        hidden: dimension of the hidden layer of projector and predictor.
        out: dimension of a projection.
        predictor: False removes the predictor, to show the collapse that it prevents (section 5 of the paper).
        follows: False compares the online network with itself, with gradients on both sides, instead of with the
            target; also to show a collapse.
    """

    def __init__(
        self,
        backbone: nn.Module,
        feature_dim: int,
        *,
        hidden: int = 4096,
        out: int = 256,
        predictor: bool = True,
        follows: bool = True,
    ) -> None:
        super().__init__()
        self.online = nn.Sequential(backbone, mlp(feature_dim, hidden, out))
        self.predictor = mlp(out, hidden, out) if predictor else nn.Identity()
        self.target = frozen_copy(self.online)
        self.follows = follows

    @property
    def backbone(self) -> nn.Module:
        """Backbone of the online network."""
        return self.online[0]

    @property
    def target_and_online(self) -> tuple[nn.Module, nn.Module]:
        """Target network and online network."""
        return self.target, self.online

    def loss(self, views: Sequence[Tensor], epoch: int) -> Tensor:
        """Return `byol_loss` of two views, each (N, 3, H, W)."""
        first, second = views
        p1, p2 = (self.predictor(self.online(view)).float() for view in (first, second))
        if not self.follows:
            return (4 - 4 * functional.cosine_similarity(p1, p2, dim=1)).mean()
        with torch.no_grad():
            z1, z2 = (self.target(view).float() for view in (first, second))
        return byol_loss(p1, p2, z1, z2)

    def head_output(self, features: Tensor) -> Tensor:
        """Return the online network's projections (N, out) of backbone features (N, feature_dim)."""
        return self.online[1](features)
