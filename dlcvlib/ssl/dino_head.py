"""DINO's projection head: features to scores of prototypes.

Source: Caron et al. 2021, Emerging properties in self-supervised vision transformers, section 3.1 and appendix C,
https://arxiv.org/abs/2104.14294.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional


class Prototypes(nn.Module):
    """Linear layer without bias whose rows are l2-normalised: each output is the cosine with one prototype.

    Equals weight normalisation with `g` fixed at 1; `nn.utils.weight_norm` is deprecated and cannot be deep-copied.
    """

    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_dim, in_dim))
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(self, directions: Tensor) -> Tensor:
        """Return the cosines (N, out_dim) of unit vectors (N, in_dim) with every prototype."""
        return functional.linear(directions, functional.normalize(self.weight, dim=1))


class DINOHead(nn.Module):
    """Three linear layers with GELU between them, l2 normalisation at the bottleneck, then the prototypes.

    Args:
        feature_dim: length of a feature vector.
        out_dim: number of prototypes.
        hidden: dimension of the two hidden layers.
        bottleneck: dimension of the bottleneck.
        batch_norm: batch normalisation after the hidden layers, as the official code's `use_bn_in_head`.

    Shapes:
        (N, feature_dim) float to (N, out_dim) float in [-1, 1].
    """

    def __init__(
        self, feature_dim: int, out_dim: int, *, hidden: int = 2048, bottleneck: int = 256, batch_norm: bool = False
    ) -> None:
        super().__init__()
        normalisation = [nn.BatchNorm1d(hidden)] if batch_norm else []
        self.mlp = nn.Sequential(
            nn.Linear(feature_dim, hidden),
            *normalisation,
            nn.GELU(),
            nn.Linear(hidden, hidden),
            *deepcopy(normalisation),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        self.prototypes = Prototypes(bottleneck, out_dim)

    def forward(self, features: Tensor) -> Tensor:
        """Return the scores of every prototype."""
        return self.prototypes(functional.normalize(self.mlp(features), dim=1))
