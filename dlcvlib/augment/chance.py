"""Chance for a batch: a few numbers a sample.

They are drawn on the CPU: every device draws the same, and which samples change is known without waiting for it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor


def chosen(number: int, probability: float, generator: Generator | None = None) -> Tensor:
    """Draw which samples of a batch an operation touches.

    Args:
        number: of samples in the batch.
        probability: of each sample, in [0, 1].
        generator: source of chance, on the CPU; None means torch's own.

    Returns:
        (n,) int64 on the CPU: the chosen rows of the batch, ascending.
    """
    return (torch.rand(number, generator=generator) < probability).nonzero().squeeze(1)


def uniform(number: int, between: tuple[float, float], generator: Generator | None = None) -> Tensor:
    """Draw one number for each sample, uniform between the two given.

    Returns:
        (number,) float32 on the CPU.
    """
    return torch.empty(number).uniform_(*between, generator=generator)


def on_rows(images: Tensor, rows: Tensor, operation: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply an operation to some rows of a batch; the others cost no arithmetic.

    Args:
        images: (N, …).
        rows: (n,) int64 on the CPU, without repeats, ascending.
        operation: from (n, …) to the same shape; it leaves its argument as it is.

    Returns:
        (N, …): `images` themselves where no row is chosen, else a new tensor.
    """
    if len(rows) == 0:
        return images
    if len(rows) == len(images):
        return operation(images)
    rows = rows.to(images.device, non_blocking=True)
    return images.index_copy(0, rows, operation(images.index_select(0, rows)))
