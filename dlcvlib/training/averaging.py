"""Exponential moving average (EMA) of a network's weights, which often generalises better than the weights."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def moving_average(model: nn.Module, decay: float) -> AveragedModel | None:
    """Return an EMA copy of `model`, buffers included; None for a decay of 0.

    The decay of step n is min(decay, (1 + n) / (10 + n)), so that the untrained weights are soon forgotten: at a
    constant decay of 0.99 they would still count for 0.7 % after 500 steps, and the initial running variance of 1 for
    far more where true variances are small. (TensorFlow's ExponentialMovingAverage with `num_updates`; timm's
    ModelEmaV3.)
    """
    if not decay:
        return None

    def update(averaged: Sequence[Tensor], current: Sequence[Tensor], _: Tensor | int) -> None:
        steps = average.n_averaged.item()  # on the CPU; reading the argument would wait for the device
        get_ema_multi_avg_fn(min(decay, (1 + steps) / (10 + steps)))(averaged, current, steps)

    average = AveragedModel(model, multi_avg_fn=update, use_buffers=True)
    return average
