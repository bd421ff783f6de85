"""Momentum encoder: an untrained copy of a network whose weights are an exponential moving average (EMA) of its own."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def frozen_copy(module: Module) -> Module:
    """Return a copy with the same weights, none of which requires a gradient."""
    return copy.deepcopy(module).requires_grad_(False)


@torch.no_grad()
def update_ema(target: nn.Module, online: nn.Module, momentum: float) -> None:
    """Update every parameter of `target` in place: target = momentum * target + (1 - momentum) * online.

    BatchNorm statistics are buffers, not parameters: the target keeps those of its own batches.
    Sources: Grill et al. 2020, BYOL, section 3.1; Caron et al. 2021, DINO, section 3.1.

    Args:
        target: network that is updated.
        online: network of the same architecture.
        momentum: in [0, 1]; 1 leaves the target unchanged.
    """
    torch._foreach_lerp_(list(target.parameters()), list(online.parameters()), 1 - momentum)


@torch.no_grad()
def drift(target: nn.Module, online: nn.Module) -> float:
    """Return the relative distance |online - target| / |online| over all parameters, at least 0."""
    pairs = zip(online.parameters(), target.parameters(), strict=True)
    norms = torch.stack([torch.stack([(ours - average).norm(), ours.norm()]) for ours, average in pairs])
    distance, length = norms.norm(dim=0)
    return float(distance / length)
