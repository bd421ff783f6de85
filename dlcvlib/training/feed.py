"""Batches of an epoch: from the device's memory if all images fit there, else prefetched from disk.

Decoded images are memory-mapped files. If they fit, a GPU holds them all, and a batch is an index operation that costs
next to nothing. If not, a thread gathers the next batches in page-locked memory, and the device copies them while it
computes. A CPU indexes the mapped files.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

from dlcvlib.training.distribution import shuffled

RESIDENT_SHARE = 0.5
"""Largest share of a GPU's free memory for images; the rest is for weights and activations."""
PREFETCHED = 3
"""Number of batches that wait in page-locked memory."""


class _End:
    """Marker after the last batch; `error` is the exception that ended loading early."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error: Final = error


def fits(tensors: tuple[Tensor, ...], device: torch.device) -> bool:
    """Return True if `device` is a GPU with enough free memory for all tensors."""
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return sum(tensor.nbytes for tensor in tensors) <= RESIDENT_SHARE * free


def resident(tensors: tuple[Tensor, ...], device: torch.device) -> tuple[Tensor, ...]:
    """Move the tensors to `device` if they fit, else return them unchanged."""
    return tuple(tensor.to(device) for tensor in tensors) if fits(tensors, device) else tensors


def batches(
    tensors: tuple[Tensor, ...], batch_size: int, device: torch.device, among: Tensor | None = None
) -> Iterator[tuple[Tensor, ...]]:
    """Yield an epoch's shuffled batches: this rank's rows of each tensor, on `device`.

    Args:
        tensors: each (N, …), on `device` or memory-mapped; see `resident`.
        batch_size: over all ranks; rows that do not fill a batch are left out of this epoch.
        device: of the batches.
        among: indices to choose from, int64; None for all.
    """
    if any(tensor.device.type != device.type for tensor in tensors):
        yield from _prefetched(tensors, list(_order(tensors, batch_size, torch.device("cpu"), among)), device)
        return
    for rows in _order(tensors, batch_size, device, among):
        yield tuple(tensor[rows] for tensor in tensors)


def _order(
    tensors: tuple[Tensor, ...], batch_size: int, device: torch.device, among: Tensor | None
) -> Iterator[Tensor]:
    """Return the indices of each batch."""
    if among is None:
        return shuffled(len(tensors[0]), batch_size, device)
    chosen = among.to(device)
    return (chosen[rows] for rows in shuffled(len(among), batch_size, device))


def _prefetched(tensors: tuple[Tensor, ...], order: list[Tensor], device: torch.device) -> Iterator[tuple[Tensor, ...]]:
    """Yield batches that a thread gathers while the device computes."""
    ready: queue.Queue[tuple[Tensor, ...] | _End] = queue.Queue(PREFETCHED)
    left = threading.Event()

    def hand_over(loaded: tuple[Tensor, ...] | _End) -> None:
        while not left.is_set():
            try:
                return ready.put(loaded, timeout=0.1)
            except queue.Full:
                continue

    def load() -> None:
        try:
            for rows in order:
                if left.is_set():
                    return
                hand_over(tuple(_page_locked(tensor[rows.to(tensor.device)], device) for tensor in tensors))
            hand_over(_End())
        except BaseException as error:
            hand_over(_End(error))

    threading.Thread(target=load, name="prefetch batches", daemon=True).start()
    try:
        while not isinstance(loaded := ready.get(), _End):
            yield tuple(part.to(device, non_blocking=True) for part in loaded)
        if loaded.error is not None:
            raise loaded.error
    finally:
        left.set()


def _page_locked(rows: Tensor, device: torch.device) -> Tensor:
    """Pin memory for a GPU's asynchronous copy; torch holds it until the copy is done."""
    return rows.pin_memory() if device.type == "cuda" and rows.device.type == "cpu" else rows
