"""A moving average of a network's weights, which often generalises better than the weights themselves."""

from __future__ import annotations

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def moving_average(model: nn.Module, decay: float) -> AveragedModel | None:
    """A copy of `model` that follows it by `decay` a step, its running statistics too; None for a decay of 0."""
    if not decay:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
