"""Diagram of the fine-tuning settings."""

from __future__ import annotations

from collections.abc import Mapping

from dlcvlib.recipes import SETTINGS, Setting
from dlcvlib.views.diagram.drawing import draw
from dlcvlib.views.diagram.grid import Arrow, Box, Grid
from dlcvlib.views.display import Picture

WEIGHTS = {"random": "random", "supplied": "the supplied backbone", "ssl": "our own pre-training"}
"""Initial weights in words, by `Setting.init`."""


def settings(rows: Mapping[str, Setting] = SETTINGS) -> Picture:
    """Draw for each setting the weights that it starts from and the part that is trained.

    Args:
        rows: settings by name.
    """
    boxes = [
        Box("start", 0, 0, kind="words", title="starts from"),
        Box("backbone", 1, 0, kind="words"),
        Box("classifier", 2, 0, kind="words"),
    ]
    arrows = []
    for row, (name, setting) in enumerate(rows.items(), start=1):
        start, backbone, classifier = f"{name}, start", f"{name}, backbone", f"{name}, classifier"
        trains = setting.trains == "model"
        boxes += [
            Box(start, 0, row, WEIGHTS[setting.init], title=name),
            Box(backbone, 1, row, kind="trained" if trains else "frozen", title="trained" if trains else "frozen"),
            Box(classifier, 2, row, kind="trained", title="trained"),
        ]
        arrows += [Arrow(start, backbone), Arrow(backbone, classifier)]
    caption = (
        f"The settings {', '.join(rows)}: the weights that the backbone starts from, and what is trained. The "
        "classifier starts from random weights in each of them."
    )
    return draw(Grid(boxes, arrows, columns=3, gap=20), f"The settings {', '.join(rows)}", caption)
