"""The network of a run record, rebuilt from `run.json` and the weights of an epoch."""

from __future__ import annotations

import torch
from torch import nn

from dlcvlib import models, recipes
from dlcvlib.files.damage import naming
from dlcvlib.runs import Run, weights_file
from dlcvlib.training.tasks import task_class


def load_network(run: Run, epoch: int | None = None) -> nn.Module:
    """Rebuild the network that a training evaluated; of a pre-training its backbone.

    torch's generator is left as it was.

    Args:
        run: the record.
        epoch: one of `run.weight_epochs`; None takes the best epoch, or the last one of a pre-training.

    Returns:
        the network on the CPU, float32, in evaluation mode.

    Raises:
        ValueError: the record is damaged, no weights of this epoch are kept, or they do not fit the network.
        FileNotFoundError: the record has no weights yet.
    """
    with naming(run.path / "run.json"):
        info = run.info
        recipe = recipes.recorded(info["recipe"])
        kind = task_class(recipe)
        with torch.random.fork_rng(devices=[]):
            network = kind.stored(kind.build_network(recipe, info["data"]["classes"]))
    file = run.path / weights_file(epoch)
    with naming(file):
        models.load_recorded(network, run.weights() if epoch is None else run.weights_at(epoch), file)
    return network.eval()
