"""Random draws per sample of a batch.

They are made on the CPU, so that all devices get the same numbers and none has to be synchronised to know which samples
change. The draws of a sample depend only on its index in the batch: with `part_of_batch` several processes augment
parts of one batch and get the same images as one process would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Generator, Tensor

_PART: ContextVar[tuple[int, int]] = ContextVar("part_of_batch", default=(0, 1))


@contextmanager
def part_of_batch(rank: int, world_size: int) -> Iterator[None]:
    """Context in which images are part `rank` of `world_size` equal parts of a batch; draws are for the whole batch."""
    before = _PART.set((rank, world_size))
    try:
        yield
    finally:
        _PART.reset(before)


def fractions(number: int, *shape: int, generator: Generator | None = None) -> Tensor:
    """Draw uniform numbers in [0, 1) per sample.

    Returns:
        (number, *shape) float32 on the CPU.
    """
    rank, world_size = _PART.get()
    return torch.rand(world_size * number, *shape, generator=generator)[rank * number : (rank + 1) * number]


def integers(below: int, number: int, *shape: int, generator: Generator | None = None) -> Tensor:
    """Draw uniform integers in [0, below) per sample.

    Returns:
        (number, *shape) int64 on the CPU.
    """
    rank, world_size = _PART.get()
    drawn = torch.randint(below, (world_size * number, *shape), generator=generator)
    return drawn[rank * number : (rank + 1) * number]


def chosen(number: int, probability: float, generator: Generator | None = None) -> Tensor:
    """Draw the samples of a batch that an operation is applied to.

    Args:
        number: number of samples.
        probability: probability of each sample, in [0, 1].
        generator: random generator on the CPU; None for torch's global one.

    Returns:
        (n,) int64 on the CPU: their indices, ascending.
    """
    return (fractions(number, generator=generator) < probability).nonzero().squeeze(1)


def uniform(number: int, between: tuple[float, float], generator: Generator | None = None) -> Tensor:
    """Draw one uniform number in [low, high) per sample.

    Returns:
        (number,) float32 on the CPU.
    """
    low, high = between
    return low + (high - low) * fractions(number, generator=generator)


def on_rows(images: Tensor, rows: Tensor, operation: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply an operation to some samples of a batch only.

    Args:
        images: (N, …).
        rows: (n,) int64 on the CPU: indices of the samples, unique and ascending.
        operation: maps (n, …) to the same shape, not in place.

    Returns:
        (N, …): `images` itself if `rows` is empty, else a new tensor.
    """
    if len(rows) == 0:
        return images
    if len(rows) == len(images):
        return operation(images)
    rows = rows.to(images.device, non_blocking=True)
    return images.index_copy(0, rows, operation(images.index_select(0, rows)))
