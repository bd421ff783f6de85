"""Several processes that work as one: `torchrun` starts them, one a GPU, and each knows its place among them.

Alone, a process is the first of one, and everything here leaves its values as they are.
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

Value = TypeVar("Value")

PATIENCE = timedelta(hours=1)
"""How long a process waits for the others: one may be decoding images for all."""
CONNECTION_LOST = ("gloo", "Connection closed by peer", "Connection reset by peer", "NCCL")
"""What torch says when a process on the other end is gone; it has no error class of its own for gloo."""


class ProcessLostError(RuntimeError):
    """Another process of the same training is gone."""


def join() -> None:
    """Join the processes that `torchrun` started beside this one; does nothing alone, or when done before.

    Raises:
        ValueError: more processes were started on this machine than it has GPUs.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        return
    if torch.cuda.is_available():
        here, cards = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
        if here > cards:
            raise ValueError(
                f"torchrun started {here} processes on a machine of {cards} GPUs: --nproc-per-node={cards}"
            )
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    atexit.register(_leave)
    signal.signal(signal.SIGTERM, _ended)  # with which torchrun ends the others when one is gone


def _leave() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


def _ended(number: int, frame: FrameType | None) -> None:
    raise ProcessLostError("torchrun ends this process: another one was lost, or the job was called off")


def world_size() -> int:
    """How many there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def is_first() -> bool:
    """Whether this one writes the record and speaks to the user."""
    return rank() == 0


def barrier() -> None:
    """Until all have come so far."""
    if world_size() > 1:
        distributed.barrier()


def broadcast(value: Value) -> Value:
    """What the first process holds, so that all decide alike."""
    if world_size() == 1:
        return value
    held = [value]
    distributed.broadcast_object_list(held)
    return held[0]


def shard(parts: Sequence[Value]) -> Sequence[Value]:
    """Every `count()`-th of the parts, for work of which nobody needs the order; `together` puts it together again."""
    return parts[rank() :: world_size()]


def gather(parts: list[Tensor]) -> Tensor:
    """Rows, in their order, of what every process made of the parts that were `dealt` to it."""
    if world_size() == 1:
        return torch.cat(parts)
    device = broadcast(parts[0].device.type if parts else "cpu")
    gathered: list[list[Tensor]] = [[]] * world_size()
    distributed.all_gather_object(gathered, [part.cpu() for part in parts])
    in_turn = (part for turn in itertools.zip_longest(*gathered) for part in turn if part is not None)
    return torch.cat(list(in_turn)).to(device)


def all_reduce_sum(values: Tensor) -> Tensor:
    """The sum over the processes, element by element, without gradient."""
    if world_size() > 1:
        values = values.clone()
        distributed.all_reduce(values)
    return values


def all_reduce_mean(values: Tensor) -> Tensor:
    """The mean over the processes, element by element; gradients flow back to every process's values."""
    return cast(Tensor, _Mean.apply(values)) if world_size() > 1 else values


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        return all_reduce_sum(values).div_(world_size())

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return all_reduce_sum(gradient.contiguous()).div_(world_size())


def lost(error: BaseException) -> bool:
    """Whether an error tells that another process is gone."""
    if isinstance(error, ProcessLostError | distributed.DistError):
        return True
    return world_size() > 1 and isinstance(error, RuntimeError) and any(word in str(error) for word in CONNECTION_LOST)


def name() -> str:
    """This process as a message names it: "process 2 of 4"; empty alone."""
    return f"process {rank() + 1} of {world_size()}" if world_size() > 1 else ""
