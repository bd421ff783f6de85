"""The segmentation network of a run record at an epoch, for a plan.

`views` may not import `training`, whose `load_network` serves every kind of training: so this stands below both.
"""

from __future__ import annotations

import torch
from torch import nn

from dlcvlib.files.damage import naming
from dlcvlib.runs import Run, weights_file


def segmenter(run: Run, epoch: int) -> nn.Module:
    """Rebuild the segmentation network that a training evaluated at `epoch`.

    torch's generator is left as it was.

    Args:
        run: record of a segmentation.
        epoch: one of `run.weight_epochs`.

    Returns:
        the network on the CPU, float32, in evaluation mode.

    Raises:
        ValueError: the record is damaged or no segmentation, keeps no weights of this epoch, or they do not fit.
    """
    from dlcvlib import models, recipes  # here, so that opening records loads no network: torchvision takes seconds

    with naming(run.path / "run.json"):
        recipe = recipes.recorded(run.info["recipe"])
        classes = run.info["data"]["classes"]
    if not isinstance(recipe, recipes.SegmentationRecipe):
        raise ValueError(f"{run.path} is no record of a segmentation")
    file = run.path / weights_file(epoch)
    with torch.random.fork_rng(devices=[]):
        network = models.build_at(recipe.image_size, recipe.model, classes, form=recipe.form, **recipe.model_options)
    with naming(file):
        models.load_recorded(network, run.weights_at(epoch), file)
    return network.eval()
