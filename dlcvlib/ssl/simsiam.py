"""SimSiam: BYOL's predictor and stop-gradient without a target network.

Source: Chen and He 2021, Exploring simple Siamese representation learning, https://arxiv.org/abs/2011.10566.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dlcvlib.ssl.method import Method
from dlcvlib.ssl.mlp import mlp

COLLAPSED_SHARE = 0.9
"""Share of the squared length of the projections on one line above which the network counts as collapsed."""


def simsiam_loss(p1: Tensor, p2: Tensor, z1: Tensor, z2: Tensor) -> Tensor:
    """Return D(p1, z2) / 2 + D(p2, z1) / 2 with D(p, z) = -cos(p, z); equations 1 and 2 of the paper.

    Args:
        p1, p2: (N, D) float, predictions from the first and the second view.
        z1, z2: (N, D) float, projections of the two views, detached for the stop-gradient of equation 3.

    Returns:
        scalar in [-1, 1], the mean over the batch.
    """
    cosines = functional.cosine_similarity(p1, z2, dim=1) + functional.cosine_similarity(p2, z1, dim=1)
    return -cosines.mean() / 2


class SimSiam(Method):
    """One encoder (backbone, projector) for both views, and a predictor.

    Args:
        backbone: maps images (N, 3, H, W) to features (N, feature_dim).
        feature_dim: length of a feature vector.
        hidden, out: dimensions of the projector's two hidden layers and of its output.
        bottleneck: dimension of the predictor's hidden layer, smaller than `out`.
        stop_gradient: False lets gradients into the projections, to show the collapse (section 4.1 of the paper).
    """

    def __init__(
        self,
        backbone: nn.Module,
        feature_dim: int,
        *,
        hidden: int = 2048,
        out: int = 2048,
        bottleneck: int = 512,
        stop_gradient: bool = True,
    ) -> None:
        super().__init__()
        projector = mlp(feature_dim, hidden, hidden, out).append(nn.BatchNorm1d(out))  # official code: affine=False
        self.encoder = nn.Sequential(backbone, projector)
        self.predictor = mlp(out, bottleneck, out)
        self.stop_gradient = stop_gradient

    @property
    def backbone(self) -> nn.Module:
        """Backbone of the encoder."""
        return self.encoder[0]

    def loss(self, views: Sequence[Tensor], epoch: int) -> Tensor:
        """Return `simsiam_loss` of two views, each (N, 3, H, W); equation 3 of the paper."""
        z1, z2 = (self.encoder(view).float() for view in views)
        p1, p2 = self.predictor(z1).float(), self.predictor(z2).float()
        if self.stop_gradient:
            z1, z2 = z1.detach(), z2.detach()
        return simsiam_loss(p1, p2, z1, z2)

    def head_output(self, features: Tensor) -> Tensor:
        """Return projections (N, out) of backbone features (N, feature_dim)."""
        return self.encoder[1](features)

    def health(self, outputs: Tensor, epoch: int) -> dict[str, float]:
        """Return std of the projections and the share of one line in them: BN permits a collapse to a line."""
        unit = functional.normalize(outputs, dim=1)
        share = torch.linalg.matrix_norm(unit, ord=2) ** 2 / len(unit)
        return super().health(outputs, epoch) | {"leading_share": float(share)}

    def collapse(self, health: dict[str, float]) -> str | None:
        """Return a description if all projections are one point or lie on one line, else None."""
        share = health["leading_share"]
        line = f"the projections of all images lie on one line ({share:.1%} of their squared length)"
        return super().collapse(health) or (line if share > COLLAPSED_SHARE else None)
