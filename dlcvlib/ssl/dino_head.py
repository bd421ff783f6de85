"""DINO's head: from features to scores for many prototypes.

Source: Caron et al. 2021, Emerging properties in self-supervised vision transformers, section 3.1 and appendix C,
https://arxiv.org/abs/2104.14294.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Prototypes(nn.Module):
    """A linear layer without bias whose rows have length 1: each output is the cosine with one prototype.

    It is what weight normalisation gives with its length `g` fixed at 1; `nn.utils.weight_norm` is deprecated and
    cannot be copied.
    """

    def __init__(self, width: int, number: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(number, width))
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(self, directions: Tensor) -> Tensor:
        """Cosines (N, number) of unit vectors (N, width) with every prototype."""
        return functional.linear(directions, functional.normalize(self.weight, dim=1))


class DINOHead(nn.Module):
    """Three linear layers with GELU between them, a unit vector at the bottleneck, then the prototypes.

    Args:
        width: of the features.
        out_dim: number of prototypes.
        hidden: width of the two inner layers.
        bottleneck: length of the unit vector.

    Shapes:
        (N, width) float to (N, out_dim) float in [-1, 1].
    """

    def __init__(self, width: int, out_dim: int, *, hidden: int = 2048, bottleneck: int = 256) -> None:
        super().__init__()
        self.perceptron = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, bottleneck)
        )
        for layer in self.perceptron:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        self.prototypes = Prototypes(bottleneck, out_dim)

    def forward(self, features: Tensor) -> Tensor:
        """Scores of every prototype."""
        return self.prototypes(functional.normalize(self.perceptron(features), dim=1))
