"""Diagram of BYOL."""

from __future__ import annotations

from dlcvlib.recipes import PretrainingRecipe, get
from dlcvlib.views.diagram.drawing import draw
from dlcvlib.views.diagram.grid import Arrow, Box, Grid
from dlcvlib.views.display import Picture


def byol(recipe: PretrainingRecipe | None = None) -> Picture:
    """Draw both branches of BYOL; sizes and the EMA's momentum are those of a recipe, as far as it states them.

    Source: Grill et al. 2020, figure 2, https://arxiv.org/abs/2006.07733.

    Args:
        recipe: recipe whose method is BYOL; None for R1's.
    """
    recipe = with_method(recipe, "byol", "r1_byol")
    vector = vector_note(recipe)
    first, last = recipe.momentum
    boxes = [
        image_box(),
        Box("view 1", 0, 1, view_note(recipe)),
        Box("view 2", 1, 1, view_note(recipe)),
        Box("online backbone", 0, 2, recipe.model, "trained"),
        Box("target backbone", 1, 2, recipe.model, "average"),
        Box("online projector", 0, 3, kind="trained"),
        Box("target projector", 1, 3, kind="average"),
        Box("predictor", 0, 4, kind="trained"),
        Box("z2", 1, 4, vector),
        Box("p1", 0, 5, vector),
        Box("loss", 0, 6, "2 − 2 cos(p1, z2), and the same with the views exchanged", "loss", 2),
    ]
    arrows = [
        Arrow("image", "view 1"),
        Arrow("image", "view 2"),
        Arrow("view 1", "online backbone"),
        Arrow("view 2", "target backbone"),
        Arrow("online backbone", "online projector"),
        Arrow("target backbone", "target projector"),
        Arrow("online backbone", "target backbone", "EMA", "dashed"),
        Arrow("online projector", "target projector", "EMA", "dashed"),
        Arrow("online projector", "predictor", "z1"),
        Arrow("target projector", "z2"),
        Arrow("predictor", "p1"),
        Arrow("p1", "loss"),
        Arrow("z2", "loss", "stop-gradient", "blocked"),
    ]
    momentum = f"m = {first:g}" if first == last else f"m from {first:g} to {last:g}"
    caption = (
        f"{recipe.title}. The online network predicts from one view what the target network makes of the other. After "
        f"each step the target's weights become m × target + (1 − m) × online, {momentum}. The bars stop the gradient."
    )
    return draw(Grid(boxes, arrows, gap=52), "BYOL: an online and a target network", caption)


def with_method(recipe: PretrainingRecipe | None, method: str, default: str) -> PretrainingRecipe:
    """Return the recipe, or that of the name `default`.

    Raises:
        ValueError: the recipe is not one of `method`.
    """
    found = get(default) if recipe is None else recipe
    if not isinstance(found, PretrainingRecipe) or found.method != method:
        raise ValueError(f"the recipe {found.name} trains no {method}; pass one that does, such as {default}")
    return found


def image_box() -> Box:
    """Box of the image that two views are drawn from."""
    return Box("image", 0, 0, "two random augmentations", columns=2)


def view_note(recipe: PretrainingRecipe) -> str:
    """Shape of a batch of the first view."""
    size = recipe.views[0].size
    return f"(N, 3, {size}, {size})"


def vector_note(recipe: PretrainingRecipe) -> str:
    """Shape of a batch of projections, with its dimension if the recipe states it."""
    return f"(N, {recipe.method_options.get('out', 'D')})"
