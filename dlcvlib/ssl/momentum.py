"""The momentum encoder: a network that is not trained, but follows a trained one as the mean of its recent weights."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def frozen_copy(module: Module) -> Module:
    """The same network with the same weights, none of which is trained."""
    return copy.deepcopy(module).requires_grad_(False)


@torch.no_grad()
def follow(target: nn.Module, online: nn.Module, momentum: float) -> None:
    """Move every parameter of `target` towards that of `online`: target = momentum * target + (1 - momentum) * online.

    BatchNorm statistics are no parameters: the target keeps its own, of the images that it sees itself.
    Sources: Grill et al. 2020, BYOL, section 3.1; Caron et al. 2021, DINO, section 3.1.

    Args:
        target: the follower.
        online: a network of the same form.
        momentum: in [0, 1]; 1 stands still.
    """
    torch._foreach_lerp_(list(target.parameters()), list(online.parameters()), 1 - momentum)


@torch.no_grad()
def drift(target: nn.Module, online: nn.Module) -> float:
    """How far the follower is behind: |online - target| / |online| over all parameters taken together, 0 or more."""
    pairs = zip(online.parameters(), target.parameters(), strict=True)
    lengths = torch.stack([torch.stack([(ahead - behind).norm(), ahead.norm()]) for ahead, behind in pairs])
    distance, length = lengths.norm(dim=0)
    return float(distance / length)
