"""Multi-crop: views of several sizes through one network, one forward pass for each size.

Source: Caron et al. 2020, SwAV, section 3.2, https://arxiv.org/abs/2006.09882; used by DINO.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor, nn


def multi_crop(network: nn.Module, views: Sequence[Tensor]) -> Tensor:
    """Return the features of all views, stacked in their order; consecutive views of one size share a forward pass.

    Args:
        network: maps (N, 3, H, W) to (N, D) for any H and W.
        views: each (N, 3, H, W), sizes may differ.

    Returns:
        (len(views) * N, D).
    """
    same_size = (list(group) for _, group in groupby(views, key=lambda view: view.shape[-2:]))
    return torch.cat([network(torch.cat(group)) for group in same_size])
