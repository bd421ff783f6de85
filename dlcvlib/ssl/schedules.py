"""Schedules of learning rate, weight decay, EMA momentum and teacher temperature."""

from __future__ import annotations

import numpy as np


def cosine(
    base: float,
    final: float,
    epochs: int,
    steps_per_epoch: int,
    warmup_epochs: int = 0,
    start: float = 0.0,
) -> np.ndarray:
    """Linear warm-up from `start` to `base`, then half a cosine towards `final`.

    v(t) = final + (base - final) (1 + cos(pi t / T)) / 2 for t = 0 … T - 1 after the warm-up.
    Source: Loshchilov and Hutter 2017, SGDR, equation 5, in the form of the official DINO code.

    Args:
        base: value at the end of the warm-up.
        final: value that the last step approaches.
        epochs: length of the training run, at least 1.
        steps_per_epoch: at least 1.
        warmup_epochs: 0 to `epochs`.
        start: value at the first step of a warm-up.

    Returns:
        (epochs * steps_per_epoch,) float64, one value per step.

    Raises:
        ValueError: epochs, steps or warm-up are out of range.
    """
    if epochs < 1 or steps_per_epoch < 1:
        raise ValueError(f"epochs={epochs} and steps_per_epoch={steps_per_epoch} must both be at least 1")
    if not 0 <= warmup_epochs <= epochs:
        raise ValueError(f"warmup_epochs={warmup_epochs} must lie between 0 and the {epochs} epochs of the training")
    warmup = np.linspace(start, base, warmup_epochs * steps_per_epoch)
    step = np.arange(epochs * steps_per_epoch - len(warmup))
    down = final + 0.5 * (base - final) * (1 + np.cos(np.pi * step / max(1, len(step))))
    return np.concatenate([warmup, down])


def warmed_up(first: float, then: float, epochs: int, warmup_epochs: int) -> np.ndarray:
    """Linear warm-up from `first` to `then`, constant afterwards.

    Returns:
        (max(epochs, warmup_epochs),) float64, one value per epoch.
    """
    warmup = np.linspace(first, then, warmup_epochs)
    return np.concatenate([warmup, np.full(max(0, epochs - warmup_epochs), then)])
