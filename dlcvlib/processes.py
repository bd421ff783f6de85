"""Distributed training: thin wrappers around `torch.distributed`, for processes that `torchrun` started.

In a single process (rank 0, world size 1) every function returns its argument unchanged.
"""

from __future__ import annotations

import atexit
import itertools
import os
import signal
from collections.abc import Sequence
from datetime import timedelta
from types import FrameType
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, distributed

from dlcvlib.errors import ProcessLostError

Value = TypeVar("Value")

TIMEOUT = timedelta(hours=1)
"""Time a process waits for the others: one may be decoding images for all."""
CONNECTION_LOST = ("gloo", "Connection closed by peer", "Connection reset by peer", "NCCL")
"""Parts of torch's messages when another process is gone; gloo has no error class for it."""


def join() -> None:
    """Initialise the process group of `torchrun`; do nothing in a single process or when called again.

    Raises:
        ValueError: this machine has fewer GPUs than processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        return
    if torch.cuda.is_available():
        count, gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
        if count > gpus:
            raise ValueError(
                f"torchrun started {count} processes on a machine with {gpus} GPUs; use --nproc-per-node={gpus}"
            )
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=TIMEOUT)
    atexit.register(_leave)
    signal.signal(signal.SIGTERM, _terminate)  # torchrun sends it to the others when one process is gone


def _leave() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


def _terminate(number: int, frame: FrameType | None) -> None:
    raise ProcessLostError("torchrun ends this process: another one was lost, or the job was cancelled")


def world_size() -> int:
    """Number of processes."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Index of this process, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def is_first() -> bool:
    """Return True on rank 0, which alone writes the record and prints."""
    return rank() == 0


def barrier() -> None:
    """Wait for all processes."""
    if world_size() > 1:
        distributed.barrier()


def broadcast(value: Value) -> Value:
    """Return the value of rank 0 on every process."""
    if world_size() == 1:
        return value
    values = [value]
    distributed.broadcast_object_list(values)
    return values[0]


def shard(parts: Sequence[Value]) -> Sequence[Value]:
    """Return every `world_size`-th part, starting at `rank`; `gather` restores the order."""
    return parts[rank() :: world_size()]


def gather(parts: list[Tensor]) -> Tensor:
    """Concatenate the results that all processes computed from their `shard`, in the original order."""
    if world_size() == 1:
        return torch.cat(parts)
    device = broadcast(parts[0].device.type if parts else "cpu")
    gathered: list[list[Tensor]] = [[]] * world_size()
    distributed.all_gather_object(gathered, [part.cpu() for part in parts])
    in_order = (part for turn in itertools.zip_longest(*gathered) for part in turn if part is not None)
    return torch.cat(list(in_order)).to(device)


def all_reduce_sum(values: Tensor) -> Tensor:
    """Element-wise sum over the processes, without gradient."""
    if world_size() > 1:
        values = values.clone()
        distributed.all_reduce(values)
    return values


def all_reduce_mean(values: Tensor) -> Tensor:
    """Element-wise mean over the processes; gradients flow back to the values of every process."""
    return cast(Tensor, _Mean.apply(values)) if world_size() > 1 else values


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        return all_reduce_sum(values).div_(world_size())

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return all_reduce_sum(gradient.contiguous()).div_(world_size())


def lost(error: BaseException) -> bool:
    """Return True if `error` means that another process is gone."""
    if isinstance(error, ProcessLostError | distributed.DistError):
        return True
    return world_size() > 1 and isinstance(error, RuntimeError) and any(word in str(error) for word in CONNECTION_LOST)


def name() -> str:
    """Name of this process for messages, such as "process 2 of 4"; empty in a single process."""
    return f"process {rank() + 1} of {world_size()}" if world_size() > 1 else ""
