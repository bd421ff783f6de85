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
NO_SKIP_DROPPED: tuple[dict[str, None], ...] = ({}, {"drop_skip": None})
BYOL = "BYOL, 1000 epochs, batch 512, Adam 1e-4"
DINO = "DINO ResNet50, 500 epochs, 20.6 h on one L40S"
PEOPLE = "each row by different people"
RESNET34 = "ResNet34 encoder from ImageNet"
SEGMENTATION_B = (
    "an ensemble with flips averaged; single networks .7691 PSPNet-R101, .7618 DeepLabV3-R101, .7610 DeepLabV3+-R50"
)

# fmt: off
MARKS = (
    Mark("classification A, from scratch", 0.762, "ResNet at 72 px; the next ones .76 and .7496",
         Systems(dataset="classification", start="random")),
    Mark("classification B, CNN", 0.9076, "ResNeXt101",
         Systems(dataset="classification", unless={"start": "random", "model": TRANSFORMERS})),
    Mark("classification B, any network", 0.9367, "BEiT-B",
         Systems(dataset="classification", model=TRANSFORMERS, unless={"start": "random"})),
    *(Mark(f"setting {setting}, 128 px, backbone supervised on Mini-ImageNet", value, how,
           Systems(setting=setting, supplied="mini"))
      for setting, value, how in (("A", 0.527, PEOPLE), ("B", 0.595, PEOPLE), ("C", 0.599, BYOL), ("D", 0.539, PEOPLE),
                                  ("E", 0.488, PEOPLE))),
    *(Mark(f"setting {setting}, 2025", value, DINO, Systems(setting=setting, supplied="dino"))
      for setting, value in (("A", 0.490), ("B", 0.818), ("C", 0.704), ("D", 0.808), ("E", 0.520))),
    Mark("FCN32s", 0.7253, "focal loss, Unknown ignored in the loss", Systems(model="vgg16_fcn32s")),
    Mark("U-Net", 0.735, RESNET34, Systems(model="unet", model_options=NO_SKIP_DROPPED)),
    Mark("U-Net, one skip dropped", 0.720, RESNET34,
         Systems(model="unet", unless={"model_options": NO_SKIP_DROPPED})),
    Mark("segmentation B", 0.7734, SEGMENTATION_B,
         Systems(dataset="satellite", unless={"model": ("vgg16_fcn32s", "unet")})),
)
# fmt: on

VALIDATION_IMAGES = {"classification": 2500, "office": 406, "satellite": 257}
"""Number of validation images of the marks and the reported values (COURSE.md 2)."""


def mark_of(recipe: object) -> Mark | None:
    """Return the mark that a recipe's result is compared with; None if nobody published one of its kind."""
    return next((mark for mark in MARKS if recipe in mark.systems), None)
