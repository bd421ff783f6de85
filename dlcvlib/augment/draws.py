"""Chance for a batch: a few numbers a sample.

They are drawn on the CPU: every device draws the same, and which samples change is known without waiting for it. What
one sample is given depends on its place in the batch only. So a batch may be augmented in parts, by several processes,
and every image comes out as it would have in the whole: `part_of_batch`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Generator, Tensor

_PART: ContextVar[tuple[int, int]] = ContextVar("part_of_batch", default=(0, 1))


@contextmanager
def part_of_batch(place: int, parts: int) -> Iterator[None]:
    """Inside, images are one of `parts` equal parts of a batch, counted from 0; chance is drawn for the whole batch."""
    before = _PART.set((place, parts))
    try:
        yield
    finally:
        _PART.reset(before)


def fractions(number: int, *shape: int, generator: Generator | None = None) -> Tensor:
    """Draw for each sample numbers that are uniform in [0, 1).

    Returns:
        (number, *shape) float32 on the CPU.
    """
    place, parts = _PART.get()
    return torch.rand(parts * number, *shape, generator=generator)[place * number : (place + 1) * number]


def integers(below: int, number: int, *shape: int, generator: Generator | None = None) -> Tensor:
    """Draw for each sample integers from 0 on and below `below`, all equally likely.

    Returns:
        (number, *shape) int64 on the CPU.
    """
    place, parts = _PART.get()
    drawn = torch.randint(below, (parts * number, *shape), generator=generator)
    return drawn[place * number : (place + 1) * number]


def chosen(number: int, probability: float, generator: Generator | None = None) -> Tensor:
    """Draw which samples of a batch an operation touches.

    Args:
        number: of samples in the batch.
        probability: of each sample, in [0, 1].
        generator: source of chance, on the CPU; None means torch's own.

    Returns:
        (n,) int64 on the CPU: the chosen rows of the batch, ascending.
    """
    return (fractions(number, generator=generator) < probability).nonzero().squeeze(1)


def uniform(number: int, between: tuple[float, float], generator: Generator | None = None) -> Tensor:
    """Draw one number for each sample, uniform between the two given.

    Returns:
        (number,) float32 on the CPU.
    """
    low, high = between
    return low + (high - low) * fractions(number, generator=generator)


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
