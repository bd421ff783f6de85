"""Diagram of DINO."""

from __future__ import annotations

from dlcvlib.recipes import PretrainingRecipe
from dlcvlib.views.diagram.byol import with_method
from dlcvlib.views.diagram.drawing import draw
from dlcvlib.views.diagram.grid import Arrow, Box, Grid
from dlcvlib.views.display import Picture


def dino(recipe: PretrainingRecipe | None = None) -> Picture:
    """Draw student and teacher of DINO with views, centring and sharpening; numbers are those of a recipe.

    Source: Caron et al. 2021, figure 2 and algorithm 1, https://arxiv.org/abs/2104.14294.

    Args:
        recipe: recipe whose method is DINO; None for ours.
    """
    recipe = with_method(recipe, "dino", "our_dino")
    options = recipe.method_options
    count, sizes = sum(view.count for view in recipe.views), [view.size for view in recipe.views]
    large = sum(view.count for view in recipe.views if view.size == max(sizes))
    prototypes = options.get("out_dim", "K")
    first, last = recipe.momentum
    all_views = f"{large} of {max(sizes)} pixels\n{count - large} of {min(sizes)} pixels"
    boxes = [
        Box("image", 0, 0, f"{count} random crops", columns=2),
        Box("all views", 0, 1, all_views),
        Box("global views", 1, 1, f"{large} of {max(sizes)} pixels"),
        Box("student", 0, 2, f"{recipe.model} and head", "trained"),
        Box("teacher", 1, 2, f"{recipe.model} and head", "average"),
        Box("student scores", 0, 3, f"({count}N, {prototypes})"),
        Box("teacher scores", 1, 3, f"({large}N, {prototypes})"),
        Box("centring", 1, 4, "minus the EMA of the scores' mean", "fixed"),
        Box("softmax", 0, 5, "student temperature", "fixed"),
        Box("sharpening", 1, 5, f"softmax, {_temperature(options)}", "fixed"),
        Box(
            "loss", 0, 6, "cross-entropy of each pair of a global view (teacher) and another view (student)", "loss", 2
        ),
    ]
    arrows = [
        Arrow("image", "all views"),
        Arrow("image", "global views"),
        Arrow("all views", "student"),
        Arrow("global views", "teacher"),
        Arrow("student", "teacher", "EMA", "dashed"),
        Arrow("student", "student scores"),
        Arrow("teacher", "teacher scores"),
        Arrow("student scores", "softmax"),
        Arrow("teacher scores", "centring"),
        Arrow("centring", "sharpening"),
        Arrow("softmax", "loss"),
        Arrow("sharpening", "loss", "stop-gradient", "blocked"),
    ]
    momentum = f"m = {first:g}" if first == last else f"m from {first:g} to {last:g}"
    caption = (
        f"{recipe.title}. The student sees all views, the teacher only the global ones, which show large parts of "
        "the image. The teacher's weights are the "
        f"EMA of the student's, {momentum}. Its scores are centred, then sharpened by a low temperature."
    )
    return draw(Grid(boxes, arrows, gap=52), "DINO: a student and its teacher", caption)


def _temperature(options: object) -> str:
    assert isinstance(options, dict)
    return f"temperature {options['teacher_temp']:g}" if "teacher_temp" in options else "low temperature"
