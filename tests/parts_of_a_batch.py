"""What each of several processes makes of its part of a batch; the first one writes what all of them made.

python -m torch.distributed.run --nproc-per-node=2 tests/parts_of_a_batch.py OUT.pt
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor, distributed, nn

from dlcvlib import models, processes
from dlcvlib.training import distribution, losses

BATCH = 12
IGNORED = 6


def network() -> nn.Module:
    """Layers that bear each kind of batch normalisation, and a class for each pixel."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8, momentum=0.3),
        nn.Conv2d(8, 8, 1),
        nn.ReLU(),
        models.batch_norm.BatchNorm(8),
        nn.Conv2d(8, 8, 1),
        nn.ReLU(),
        nn.BatchNorm2d(8, affine=False, momentum=None),
        nn.Conv2d(8, 7, 1),
    )


def batch() -> tuple[Tensor, Tensor]:
    """Images, and ids of which one half of the batch has far more of the ignored class than the other."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(BATCH, 3, 10, 10, generator=generator) * torch.arange(1, BATCH + 1).view(-1, 1, 1, 1)
    ids = torch.randint(0, IGNORED, (BATCH, 8, 8), generator=generator)
    ids[: BATCH // 2, :6] = IGNORED
    return images, ids


LOSSES = {
    "cross_entropy": lambda logits, ids, pool: losses.cross_entropy(
        logits, ids, class_weights=torch.arange(1.0, 8.0), ignored=IGNORED, pooled=pool
    ),
    "dice": lambda logits, ids, pool: losses.dice_loss(logits, ids, ignored=IGNORED, pooled=pool),
}


def learnt(name: str) -> dict[str, Tensor]:
    """The loss of the whole batch, its gradients, and the running statistics afterwards."""
    made = distribution.synchronised(network())
    images, ids = (part.chunk(processes.world_size())[processes.rank()] for part in batch())
    trained = distribution.distribute(made, lambda some, of: LOSSES[name](made(some), of, processes.all_reduce_mean))
    loss = trained(images, ids)
    loss.backward()
    gradients = {f"gradient of {key}": value.grad for key, value in made.named_parameters()}
    return {"loss": processes.all_reduce_mean(loss.detach())} | gradients | dict(made.named_buffers())


def drawn(epoch: int) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of an epoch's batches, a draw that all share, and one that each has for itself."""
    torch.manual_seed(epoch)
    rows = torch.stack(list(distribution.shuffled(50, BATCH, torch.device("cpu"))))
    with distribution.own_random_draws():
        own = torch.rand(1)
    return rows, torch.rand(1), own


if __name__ == "__main__":
    processes.join()
    parts = [torch.full((2, 3), float(number)) for number in range(5)]
    mine = {
        "learnt": {name: learnt(name) for name in LOSSES},
        "drawn": drawn(3),
        "together": processes.gather(list(processes.shard(parts))),
        "agreed": processes.broadcast(processes.rank()),
    }
    everyones = [mine] * processes.world_size()
    distributed.all_gather_object(everyones, mine)
    if processes.is_first():
        torch.save(everyones, sys.argv[1])
