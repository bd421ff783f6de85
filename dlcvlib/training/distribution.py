"""Data-parallel training: each rank takes its share of every batch, and all ranks take the same step.

The result is that of one process on whole batches, up to rounding: the order of images and every augmentation are drawn
for the whole batch (`dlcvlib.augment.part_of_batch`), batch normalisation is synchronised, gradients and other means
over a batch are averaged over ranks. Exceptions: each rank draws its own dropout; mixup, cutmix and the Lovász loss see
the rank's share of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from dlcvlib import processes
from dlcvlib.training.synchronised import SynchronisedBatchNorm

BUFFERS = next(
    name
    for name in ("forward_sync_buffers", "broadcast_buffers")  # newer and older name
    if name in signature(DistributedDataParallel).parameters
)
"""Option of DistributedDataParallel that broadcasts buffers; it is off, since they are equal already."""


def batch_size(wanted: int, images: int) -> int:
    """Return the global batch size: `wanted`, or the number of images if there are fewer.

    Raises:
        ValueError: it is no multiple of the number of ranks.
    """
    size = min(wanted, images)
    if size % processes.world_size():
        fitting = [number for number in range(1, size + 1) if size % number == 0]
        raise ValueError(
            f"a batch of {size} images cannot be shared evenly by {processes.world_size()} processes; "
            f"--nproc-per-node must be one of {', '.join(map(str, fitting))}"
        )
    return size


def shuffled(images: int, batch_size: int, device: torch.device) -> Iterator[Tensor]:
    """Yield this rank's indices of each batch of an epoch, (batch_size / world_size,) int64 on `device`.

    The order is drawn from torch's generator and copied to the device at once: a copy for each batch would wait for the
    device at every step.
    """
    steps = images // batch_size
    order = torch.randperm(images)[: steps * batch_size].view(steps, batch_size)
    yield from order.chunk(processes.world_size(), dim=1)[processes.rank()].to(device)


def synchronised(network: nn.Module) -> nn.Module:
    """Return `network` with synchronised batch normalisation; unchanged for a single process."""
    if processes.world_size() == 1:
        return network
    if next(network.parameters()).is_cuda:
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    for name, layer in list(network.named_modules()):
        if isinstance(layer, _BatchNorm):
            network.set_submodule(name, SynchronisedBatchNorm.like(layer))
    return network


class LossOf(nn.Module):
    """Module whose forward is a loss, so that DistributedDataParallel reduces gradients during backward.

    Args:
        network: module with the trained parameters.
        loss: maps the inputs of a step to a scalar.
    """

    def __init__(self, network: nn.Module, loss: Callable[..., Tensor]) -> None:
        super().__init__()
        self.network = network
        self.loss = loss

    def forward(self, *batch: Any) -> Tensor:
        """Return the loss of this rank's share of a batch."""
        with own_random_draws():
            return self.loss(*batch)


def distribute(network: nn.Module, loss: Callable[..., Tensor]) -> nn.Module:
    """Return `LossOf`, wrapped in DistributedDataParallel for several ranks; they start from rank 0's weights."""
    whole = LossOf(network, loss)
    if processes.world_size() == 1:
        return whole
    return DistributedDataParallel(whole, **{BUFFERS: False})  # type: ignore[arg-type]


@contextmanager
def own_random_draws() -> Iterator[None]:
    """Use a generator of this rank inside, for dropout; outside, all ranks continue with equal draws.

    This concerns the CPU's generator, which all else is drawn from; a GPU's is seeded per rank at each epoch.
    """
    generator = torch.default_generator
    before = generator.get_state()
    generator.manual_seed(int(torch.randint(2**62, ())) + processes.rank())
    try:
        yield
    finally:
        generator.set_state(before)


def broadcast_weights(network: nn.Module) -> None:
    """Broadcast rank 0's weights to all ranks."""
    if processes.world_size() > 1:
        for tensor in network.state_dict().values():
            distributed.broadcast(tensor, src=0)
