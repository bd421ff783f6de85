"""From a recipe's words to torch's optimizers and to the factor on the learning rate at each step."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from dlcvlib.recipes import Optimizer, Schedule


def build_optimizer(parameters: Iterable[nn.Parameter], settings: Optimizer) -> torch.optim.Optimizer:
    """torch's optimizer of that name, in its fused form; frozen parameters are left out.

    Raises:
        ValueError: unknown name.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    optimizer: torch.optim.Optimizer
    if settings.name == "sgd":
        optimizer = torch.optim.SGD(
            trained, rate, settings.momentum, weight_decay=decay, nesterov=settings.nesterov, fused=True
        )
    elif settings.name == "adam":
        optimizer = torch.optim.Adam(trained, rate, weight_decay=decay, fused=True)
    elif settings.name == "adamw":
        optimizer = torch.optim.AdamW(trained, rate, weight_decay=decay, fused=True)
    else:
        raise ValueError(f"unknown optimizer {settings.name!r}; known are sgd, adam, adamw")
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return optimizer


def rate_factors(schedule: Schedule, epochs: int, steps: int) -> list[float]:
    """Factor on the learning rate at each of the `epochs * steps` steps.

    Raises:
        ValueError: unknown schedule.
    """
    total = epochs * steps
    if schedule.name == "constant":
        return [1.0] * total
    if schedule.name == "step":
        return [schedule.gamma ** (step // steps // schedule.every) for step in range(total)]
    if schedule.name == "cosine":
        return [0.5 * (1 + math.cos(math.pi * step / total)) for step in range(total)]
    if schedule.name == "one_cycle":
        rise = max(1, round(schedule.warmup * total))
        return [min((step + 1) / rise, (total - step) / max(1, total - rise)) for step in range(total)]
    raise ValueError(f"unknown schedule {schedule.name!r}; known are constant, step, cosine, one_cycle")
