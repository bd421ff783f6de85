"""One training by several processes: each takes its part of every batch, and all take the same step.

What comes out is what one process would have made of the whole batches, to rounding: the order of the images and every
augmentation are drawn for the whole batch (`dlcvlib.augment.part_of_batch`), batch normalisation sees the whole batch,
gradients and whatever else is a mean over a batch are means over the processes. Dropout draws otherwise for each
process; mixup and cutmix mix, and the Lovász loss compares, within a process's part.
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
    for name in ("forward_sync_buffers", "broadcast_buffers")  # its newer and its older name
    if name in signature(DistributedDataParallel).parameters
)
"""What has running statistics sent around before every step: they are alike already."""


def batch_size(wanted: int, images: int) -> int:
    """Images of a step, over all processes: as many as wanted, or all there are.

    Raises:
        ValueError: the processes cannot share them evenly.
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
    """Rows of each batch of an epoch that fall to this process, (batch_size / processes,) int64 on `device`.

    The order is drawn from torch's generator and brought to the device at once: to bring each batch's rows there would
    wait for the device at every step.
    """
    steps = images // batch_size
    order = torch.randperm(images)[: steps * batch_size].view(steps, batch_size)
    yield from order.chunk(processes.world_size(), dim=1)[processes.rank()].to(device)


def synchronised(network: nn.Module) -> nn.Module:
    """`network` with batch normalisation over the batches of all processes; itself where there is one process."""
    if processes.world_size() == 1:
        return network
    if next(network.parameters()).is_cuda:
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    for name, layer in list(network.named_modules()):
        if isinstance(layer, _BatchNorm):
            network.set_submodule(name, SynchronisedBatchNorm.like(layer))
    return network


class LossOf(nn.Module):
    """A network whose forward is its loss: what DistributedDataParallel wants, to reduce gradients as they come.

    Args:
        network: whose parameters are trained.
        loss: from a batch, as the network sees it, to a scalar.
    """

    def __init__(self, network: nn.Module, loss: Callable[..., Tensor]) -> None:
        super().__init__()
        self.network = network
        self.loss = loss

    def forward(self, *batch: Any) -> Tensor:
        """The loss of this process's part of a batch."""
        with own_random_draws():
            return self.loss(*batch)


def distribute(network: nn.Module, loss: Callable[..., Tensor]) -> nn.Module:
    """`LossOf`, whose gradients are the mean over the processes; all processes begin with the first one's weights."""
    whole = LossOf(network, loss)
    if processes.world_size() == 1:
        return whole
    return DistributedDataParallel(whole, **{BUFFERS: False})  # type: ignore[arg-type]


@contextmanager
def own_random_draws() -> Iterator[None]:
    """Draw inside, as dropout does, otherwise in each process; outside, the processes go on drawing alike.

    It is the CPU's generator that all else is drawn from; a GPU's is the processes' own from the start of an epoch.
    """
    generator = torch.default_generator
    before = generator.get_state()
    generator.manual_seed(int(torch.randint(2**62, ())) + processes.rank())
    try:
        yield
    finally:
        generator.set_state(before)


def broadcast_weights(network: nn.Module) -> None:
    """Give every process the first one's weights."""
    if processes.world_size() > 1:
        for tensor in network.state_dict().values():
            distributed.broadcast(tensor, src=0)
