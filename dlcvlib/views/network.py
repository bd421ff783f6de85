"""The network of a recipe, drawn."""

from __future__ import annotations

from typing import Any

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
    from dlcvlib import models  # here, since torchvision and timm take seconds to import

    options: dict[str, Any] = dict(recipe.model_options)
    if "image_size" in models.options_of(recipe.model, recipe.form):
        options["image_size"] = recipe.image_size
    with torch.device("meta"):
        built = models.build(recipe.model, NUM_CLASSES[recipe.dataset], form=recipe.form, **options)
        stages = models.stages(built, recipe.image_size)
    return architecture([stage.asdict() for stage in stages], recipe.title)
