"""A moving average of a network's weights, which often generalises better than the weights themselves."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def moving_average(model: nn.Module, decay: float) -> AveragedModel | None:
    """A copy of `model` that follows it by `decay` a step, its running statistics too; None for a decay of 0.

    The first steps follow faster, by (1 + n) / (10 + n) at step n, so that the untrained network is soon forgotten: at
    a decay of 0.99 and 500 steps it would still count for 0.7 %, and its running variance of 1 for far more than that
    where true variances are small. (TensorFlow's ExponentialMovingAverage with `num_updates`, and timm's ModelEmaV3.)
    """
    if not decay:
        return None

    def follow(averaged: Sequence[Tensor], current: Sequence[Tensor], _: Tensor | int) -> None:
        steps = average.n_averaged.item()  # which lies on the CPU: the argument would have a device waited for
        get_ema_multi_avg_fn(min(decay, (1 + steps) / (10 + steps)))(averaged, current, steps)

    average = AveragedModel(model, multi_avg_fn=follow, use_buffers=True)
    return average
