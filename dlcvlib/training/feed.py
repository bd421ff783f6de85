"""Batches of an epoch on the device: from its own memory where all images fit, else loaded ahead from the disk.

Decoded images are files mapped into memory. A GPU takes them all at once where they fit; every batch is then a
selection of rows, which costs next to nothing. Where they do not fit, a thread gathers the next batches into
page-locked memory, from which the device copies them while it computes. A CPU works on the mapped files themselves.
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
"""Of a GPU's free memory that images may take; the rest is for weights and activations."""
LOADED_AHEAD = 3
"""Batches that wait in page-locked memory."""


class _End:
    """After the last batch; `error` is what ended them early."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error: Final = error


def fits(tensors: tuple[Tensor, ...], device: torch.device) -> bool:
    """Whether `device` is a GPU with memory enough for all of them."""
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return sum(tensor.nbytes for tensor in tensors) <= RESIDENT_SHARE * free


def resident(tensors: tuple[Tensor, ...], device: torch.device) -> tuple[Tensor, ...]:
    """The same tensors on `device` where they fit, else as they are."""
    return tuple(tensor.to(device) for tensor in tensors) if fits(tensors, device) else tensors


def batches(
    tensors: tuple[Tensor, ...], batch_size: int, device: torch.device, among: Tensor | None = None
) -> Iterator[tuple[Tensor, ...]]:
    """An epoch's batches, shuffled: of each tensor the rows that fall to this process, on `device`.

    Args:
        tensors: each (N, …), on `device` or in mapped memory; see `resident`.
        batch_size: over all processes; the few rows that do not fill one wait for another epoch.
        device: where the batches are wanted.
        among: the rows to choose from, int64; None for all.
    """
    if any(tensor.device.type != device.type for tensor in tensors):
        yield from _loaded_ahead(tensors, list(_order(tensors, batch_size, torch.device("cpu"), among)), device)
        return
    for rows in _order(tensors, batch_size, device, among):
        yield tuple(tensor[rows] for tensor in tensors)


def _order(
    tensors: tuple[Tensor, ...], batch_size: int, device: torch.device, among: Tensor | None
) -> Iterator[Tensor]:
    """The rows of each batch."""
    if among is None:
        return shuffled(len(tensors[0]), batch_size, device)
    chosen = among.to(device)
    return (chosen[places] for places in shuffled(len(among), batch_size, device))


def _loaded_ahead(
    tensors: tuple[Tensor, ...], order: list[Tensor], device: torch.device
) -> Iterator[tuple[Tensor, ...]]:
    """Batches that a thread gathers while the device is at work."""
    ready: queue.Queue[tuple[Tensor, ...] | _End] = queue.Queue(LOADED_AHEAD)
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

    threading.Thread(target=load, name="batches loaded ahead", daemon=True).start()
    try:
        while not isinstance(loaded := ready.get(), _End):
            yield tuple(part.to(device, non_blocking=True) for part in loaded)
        if loaded.error is not None:
            raise loaded.error
    finally:
        left.set()


def _page_locked(rows: Tensor, device: torch.device) -> Tensor:
    """Where a GPU can fetch them by itself; torch keeps the memory until it has."""
    return rows.pin_memory() if device.type == "cuda" and rows.device.type == "cpu" else rows
