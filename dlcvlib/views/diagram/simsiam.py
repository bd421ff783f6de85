"""Diagram of SimSiam."""

from __future__ import annotations

from dlcvlib.recipes import PretrainingRecipe
from dlcvlib.views.diagram.byol import image_box, vector_note, view_note, with_method
from dlcvlib.views.diagram.drawing import draw
from dlcvlib.views.diagram.grid import Arrow, Box, Grid
from dlcvlib.views.display import Picture


def simsiam(recipe: PretrainingRecipe | None = None) -> Picture:
    """Draw SimSiam: one encoder for both views, and no second network.

    Source: Chen and He 2021, figure 1, https://arxiv.org/abs/2011.10566.

    Args:
        recipe: recipe whose method is SimSiam; None for ours.
    """
    recipe = with_method(recipe, "simsiam", "our_simsiam")
    vector = vector_note(recipe)
    boxes = [
        image_box(),
        Box("view 1", 0, 1, view_note(recipe)),
        Box("view 2", 1, 1, view_note(recipe)),
        Box("encoder", 0, 2, f"{recipe.model} and projector: the same weights for both views", "trained", 2),
        Box("z1", 0, 3, vector),
        Box("z2", 1, 3, vector),
        Box("predictor", 0, 4, kind="trained"),
        Box("p1", 0, 5, vector),
        Box("loss", 0, 6, "− cos(p1, z2) / 2, and the same with the views exchanged", "loss", 2),
    ]
    arrows = [
        Arrow("image", "view 1"),
        Arrow("image", "view 2"),
        Arrow("view 1", "encoder"),
        Arrow("view 2", "encoder"),
        Arrow("encoder", "z1"),
        Arrow("encoder", "z2"),
        Arrow("z1", "predictor"),
        Arrow("predictor", "p1"),
        Arrow("p1", "loss"),
        Arrow("z2", "loss", "stop-gradient", "blocked"),
    ]
    caption = (
        f"{recipe.title}. BYOL without a target network: both views pass through one encoder, and the bars stop the "
        "gradient on the side that is predicted."
    )
    return draw(Grid(boxes, arrows), "SimSiam: one encoder for two views", caption)
