"""The network of a recipe, drawn."""

from __future__ import annotations

import torch

from dlcvlib.recipes import Recipe
from dlcvlib.views.architecture import architecture
from dlcvlib.views.display import Picture

NUM_CLASSES = {"classification": 50, "mini": 64, "office": 65, "satellite": 7}
"""Classes of the course's data sets; the toy world may have fewer."""


def network(recipe: Recipe) -> Picture:
    """Draw the network of a recipe, with an output for each class of its data set.

    A recipe from `dlcvlib.recipes.get` gives the report's own network, `recipe.for_profile(profile)` the one trained
    in that profile. The network is built on the meta device, so that even a large one costs no memory.
    """
    from dlcvlib import models  # here, so that opening records loads no network: torchvision and timm take seconds

    classes, size = NUM_CLASSES[recipe.dataset], recipe.image_size
    with torch.device("meta"):
        built = models.build_at(size, recipe.model, classes, form=recipe.form, **recipe.model_options)
        stages = models.stages(built, size)
    return architecture([stage.asdict() for stage in stages], recipe.title)
