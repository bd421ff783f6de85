"""Best values that others published on the course's validation sets."""

from __future__ import annotations

from dataclasses import dataclass

from dlcvlib.course.systems import Systems


@dataclass(frozen=True)
class Mark:
    """A published value: validation accuracy, or the course's mean IoU, in [0, 1]."""

    row: str
    value: float
    how: str
    systems: Systems
    """Systems that the value is compared with."""
    source: str = "COURSE.md 7, from public reports"


TRANSFORMERS = ("beit_base",)
"""Networks that are no CNN, which the course's rule for model B asks for."""
NO_DROPPED_SKIP: tuple[dict[str, object], ...] = ({}, {"drop_skip": None})


def _of_settings(row: str, supplied: str, values: dict[str, float], how: dict[str, str], default: str) -> list[Mark]:
    return [
        Mark(
            row.format(setting),
            value,
            how.get(setting, default),
            Systems({"setting": [setting], "supplied": [supplied]}),
        )
        for setting, value in values.items()
    ]


MARKS = (
    Mark(
        "classification A, from scratch",
        0.762,
        "ResNet at 72 px; the next ones .76 and .7496",
        Systems({"dataset": ["classification"], "start": ["random"]}),
    ),
    Mark(
        "classification B, CNN",
        0.9076,
        "ResNeXt101",
        Systems({"dataset": ["classification"]}, unless={"start": ["random"], "model": TRANSFORMERS}),
    ),
    Mark(
        "classification B, any network",
        0.9367,
        "BEiT-B",
        Systems({"dataset": ["classification"], "model": TRANSFORMERS}, unless={"start": ["random"]}),
    ),
    *_of_settings(
        "setting {}, 128 px, backbone supervised on Mini-ImageNet",
        "mini",
        {"A": 0.527, "B": 0.595, "C": 0.599, "D": 0.539, "E": 0.488},
        {"C": "BYOL, 1000 epochs, batch 512, Adam 1e-4"},
        "each row by different people",
    ),
    *_of_settings(
        "setting {}, 2025",
        "dino",
        {"A": 0.490, "B": 0.818, "C": 0.704, "D": 0.808, "E": 0.520},
        {},
        "DINO ResNet50, 500 epochs, 20.6 h on one L40S",
    ),
    Mark("FCN32s", 0.7253, "focal loss, Unknown ignored in the loss", Systems({"model": ["vgg16_fcn32s"]})),
    Mark(
        "U-Net",
        0.735,
        "ResNet34 encoder from ImageNet",
        Systems({"model": ["unet"], "model_options": NO_DROPPED_SKIP}),
    ),
    Mark(
        "U-Net, one skip dropped",
        0.720,
        "ResNet34 encoder from ImageNet",
        Systems({"model": ["unet"]}, unless={"model_options": NO_DROPPED_SKIP}),
    ),
    Mark(
        "segmentation B",
        0.7734,
        "an ensemble with flips averaged; single networks .7691 PSPNet-R101, .7618 DeepLabV3-R101, "
        ".7610 DeepLabV3+-R50",
        Systems({"dataset": ["satellite"]}, unless={"model": ["vgg16_fcn32s", "unet"]}),
    ),
)

VALIDATION_IMAGES = {"classification": 2500, "office": 406, "satellite": 257}
"""Number of validation images of the marks and the reported values (COURSE.md 2)."""


def mark_of(recipe: object) -> Mark | None:
    """Return the mark that a recipe's result is compared with; None if nobody published one of its kind."""
    return next((mark for mark in MARKS if recipe in mark.systems), None)
