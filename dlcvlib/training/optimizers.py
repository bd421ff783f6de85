"""Optimizer and learning-rate schedule of a recipe."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from dlcvlib.recipes import Optimizer, Schedule


def build_optimizer(parameters: Iterable[nn.Parameter], settings: Optimizer) -> torch.optim.Optimizer:
    """Return torch's fused optimizer of that name, or timm's LARS, over the parameters that require gradients.

    LARS scales the step of each matrix by the ratio of its norm to its gradient's, and leaves parameters without weight
    decay unscaled, as BYOL does (You et al. 2017, https://arxiv.org/abs/1708.03888).

    Raises:
        ValueError: unknown name.
    """
    groups = parameter_groups(parameters, settings)
    rate = settings.learning_rate
    optimizer: torch.optim.Optimizer
    if settings.name == "sgd":
        optimizer = torch.optim.SGD(groups, rate, settings.momentum, nesterov=settings.nesterov, fused=True)
        if settings.momentum:
            _begin_momentum(optimizer)
    elif settings.name == "adam":
        optimizer = torch.optim.Adam(groups, rate, fused=True)
    elif settings.name == "adamw":
        optimizer = torch.optim.AdamW(groups, rate, fused=True)
    elif settings.name == "lars":
        from timm.optim import Lars

        optimizer = Lars(groups, rate, momentum=settings.momentum, nesterov=settings.nesterov)
    else:
        raise ValueError(f"unknown optimizer {settings.name!r}; known are sgd, adam, adamw, lars")
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return optimizer


def _begin_momentum(optimizer: torch.optim.SGD) -> None:
    """Start every momentum buffer at zero, which changes no update.

    torch's fused SGD fails where a parameter gets its first gradient later than others, as DINO's last layer does.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def parameter_groups(parameters: Iterable[nn.Parameter], settings: Optimizer) -> list[dict[str, Any]]:
    """Return the trained parameters in one group, or in a second one those without weight decay."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if settings.decay == "all":
        return [{"params": trained, "weight_decay": settings.weight_decay}]
    matrices = [parameter for parameter in trained if parameter.ndim > 1]
    others = [parameter for parameter in trained if parameter.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set the learning rate of every group to `factor` times its initial one."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


def rate_factors(schedule: Schedule, epochs: int, steps: int) -> list[float]:
    """Return the factor on the learning rate at each of the `epochs * steps` steps.

    Raises:
        ValueError: unknown schedule.
    """
    total = epochs * steps
    if schedule.name in ("constant", "plateau"):  # a plateau changes it after an epoch
        return [1.0] * total
    if schedule.name == "poly":
        return [(1 - step / total) ** schedule.gamma for step in range(total)]
    if schedule.name == "step":
        return [schedule.gamma ** (step // steps // schedule.every) for step in range(total)]
    if schedule.name == "cosine":
        rise = round(schedule.warmup * total)
        up = [(step + 1) / (rise + 1) for step in range(rise)]
        return up + [0.5 * (1 + math.cos(math.pi * step / (total - rise))) for step in range(total - rise)]
    if schedule.name == "one_cycle":
        rise = max(1, round(schedule.warmup * total))
        return [min((step + 1) / rise, (total - step) / max(1, total - rise)) for step in range(total)]
    raise ValueError(f"unknown schedule {schedule.name!r}; known are constant, poly, step, cosine, one_cycle, plateau")


def plateau_schedule(optimizer: torch.optim.Optimizer, schedule: Schedule) -> ReduceLROnPlateau | None:
    """Return torch's plateau schedule, to be stepped with the validation loss; None for any other schedule."""
    if schedule.name != "plateau":
        return None
    return ReduceLROnPlateau(optimizer, mode="min", factor=schedule.gamma, patience=schedule.every)
