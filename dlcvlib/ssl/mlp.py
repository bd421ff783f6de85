"""Multi-layer perceptron: projector and predictor of BYOL and SimSiam."""

from __future__ import annotations

from itertools import pairwise

from torch import nn


def mlp(*dims: int) -> nn.Sequential:
    """Return linear layers with batch normalisation and ReLU between them.

    Source: Grill et al. 2020, BYOL, section 3.2, https://arxiv.org/abs/2006.07733.

    Args:
        dims: dimensions of input, hidden layers and output, at least 2.
    """
    layers: list[nn.Module] = []
    for in_dim, out_dim in pairwise(dims[:-1]):
        layers += [nn.Linear(in_dim, out_dim, bias=False), nn.BatchNorm1d(out_dim), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Linear(dims[-2], dims[-1]))
