"""The network of a recipe, with random weights drawn from torch's generator."""

from __future__ import annotations

from torch import nn

from dlcvlib import models
from dlcvlib.recipes import Recipe


def build_network(recipe: Recipe, num_classes: int) -> nn.Module:
    """Build the recipe's network with its own head of `num_classes` outputs."""
    return models.build_at(recipe.image_size, recipe.model, num_classes, form=recipe.form, **recipe.model_options)


def build_backbone(recipe: Recipe) -> tuple[nn.Module, int]:
    """Build the recipe's network without its last layer.

    Returns:
        the backbone, from images (N, 3, H, W) to features (N, feature_dim), and its feature_dim.
    """
    model = build_network(recipe, num_classes=1)
    feature_dim = models.feature_dim(model)
    return models.as_backbone(model), feature_dim
