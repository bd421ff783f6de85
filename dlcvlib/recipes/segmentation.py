"""Problem 3: every segmentation system of the reports, the ablation of U-Net's skips, and our own.

What a report leaves open is filled with the commonest choice and marked "open" here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dlcvlib.recipes.recipe import Optimizer, Schedule, SegmentationRecipe

NAMED = ("0008", "0010", "0013", "0062", "0065", "0097", "0104", "0107")
"""Validation images whose masks the editions ask for."""

DIHEDRAL: dict[str, Any] = {"random_dihedral": {}}
VARIED: dict[str, Any] = {
    "random_scale_crop": {"scale": (0.75, 2.0)},
    "random_dihedral": {},
    "colour_jitter": {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "hue": 0.05, "probability": 0.8},
}
POLY = Schedule("poly", gamma=0.9)

SMALL: dict[str, Any] = {
    "form": "reduced",
    "image_size": 128,
    "tile": 48,
    "batch_size": 4,
    "model_options": {},
    "auxiliary_weight": 0.0,
    "optimizer": Optimizer("adamw", 8e-3, weight_decay=0.01),
    "schedule": Schedule("one_cycle", warmup=0.2),
    "augmentation": DIHEDRAL,
    "dihedral_averaging": False,
    "weight_average": 0.0,
}
"""The toy world in seconds: small crops and batches, for many steps; a high rate that falls to 0. The images are
evaluated whole."""

WHOLE: dict[str, Any] = {"tile": None, "optimizer": Optimizer("adamw", 5e-3, weight_decay=0.01)}
"""Whole images for the FCNs: at a stride of 32, a crop of 48 pixels would have two positions a side."""

AN_HOUR: dict[str, Any] = {
    "model": "deeplabv3plus_mobilenet_v2",
    "model_options": {},
    "auxiliary_weight": 0.0,
    "image_size": 256,
    "tile": 160,
    "epochs": 20,
    "batch_size": 16,
    "optimizer": Optimizer("adamw", 5e-4, weight_decay=0.05, decay="matrices"),
    "weight_average": 0.99,
    "dihedral_averaging": False,
    "snapshots": 20,
}
"""Real tiles on two cores: trained at half their resolution, evaluated at full resolution."""


def on_small_machines(kept_weights: int = 0, **both: Any) -> dict[str, dict[str, Any]]:
    """Return the small profiles of a segmentation.

    Args:
        kept_weights: epochs whose weights `quick` keeps.
        both: further changes, the same in both.
    """
    small = SMALL | both
    return {
        "smoke": small | {"epochs": 2, "image_size": 64, "train_images": 8, "snapshots": 2},
        "quick": small | {"epochs": 8, "kept_weights": kept_weights},
    }


def fcn(report: str, form: str, **changes: Any) -> SegmentationRecipe:
    """Return VGG16-FCN as a report trained it; `form` is "32s" or "8s"."""
    settings: dict[str, Any] = {
        "epochs": 50,  # open
        "batch_size": 8,  # open
        "optimizer": Optimizer("adam", 1e-4),  # open
        "schedule": Schedule("constant"),  # open
    } | changes
    return SegmentationRecipe(
        name=f"{report.lower()}_fcn{form}",
        title=f"VGG16-FCN{form} ({report})",
        report=report,
        dataset="satellite",
        model=f"vgg16_fcn{form}",
        start="imagenet",  # open
        image_size=512,
        named_images=NAMED,
        profiles=on_small_machines(**WHOLE),
        **settings,
    )


R1_FCN32S = fcn("R1", "32s")
R2_FCN32S = fcn("R2", "32s")
R4_FCN32S = fcn("R4", "32s", epochs=100, optimizer=Optimizer("sgd", 3e-3, momentum=0.9))
R5_FCN32S = fcn("R5", "32s")
R5_FCN8S = fcn("R5", "8s")

R1_DEEPLABV3 = SegmentationRecipe(
    name="r1_deeplabv3",
    title="DeepLabV3-ResNet50 (R1)",
    report="R1",
    dataset="satellite",
    model="deeplabv3_resnet50",
    start="coco",  # open
    epochs=50,  # open; its masks are of the epochs 0, 18 and 50
    batch_size=8,  # open
    optimizer=Optimizer("adam", 1e-4),  # open
    schedule=Schedule("constant"),  # open
    image_size=512,
    named_images=NAMED,
    profiles=on_small_machines(),
)

R2_RESNET101_FCN = replace(
    R1_DEEPLABV3,
    name="r2_resnet101_fcn",
    title="ResNet101-FCN (R2)",
    report="R2",
    model="resnet101_fcn",
)

R3_UNET = replace(R1_DEEPLABV3, name="r3_unet", title="U-Net (R3)", report="R3", model="unet", start="random")

R3_UNET_DROPPED = replace(
    R3_UNET,
    name="r3_unet_dropped",
    title="U-Net without its deepest skip (R3)",
    model_options={"drop_skip": 4},
    profiles=on_small_machines(model_options={"drop_skip": 4}),
)

R3_DEEPLABV3PLUS = replace(
    R1_DEEPLABV3,
    name="r3_deeplabv3plus",
    title="DeepLabV3+ (R3)",
    report="R3",
    model="deeplabv3plus_resnet50",
    start="imagenet",  # open
)

R4_DEEPLABV3_FOCAL = replace(
    R1_DEEPLABV3,
    name="r4_deeplabv3_focal",
    title="DeepLabV3 with focal loss (R4)",
    report="R4",
    loss="focal",
    loss_options={"alpha": 0.2, "gamma": 2.0},
    optimizer=Optimizer("sgd", 0.1, weight_decay=1e-5),
    schedule=Schedule("one_cycle", warmup=0.3),
    augmentation={"random_dihedral": {"turns": False}},
)

OUR_DEEPLABV3PLUS = SegmentationRecipe(
    name="our_deeplabv3plus",
    title="DeepLabV3+ (ours)",
    report="ours",
    dataset="satellite",
    model="deeplabv3plus_resnet50",
    start="imagenet",
    epochs=80,
    batch_size=16,
    optimizer=Optimizer("adamw", 3e-4, weight_decay=0.05, decay="matrices"),
    schedule=POLY,
    image_size=512,
    tile=384,
    augmentation=VARIED,
    ignore_unknown=True,
    model_options={"auxiliary": True},
    auxiliary_weight=0.4,
    weight_average=0.999,
    dihedral_averaging=True,
    named_images=NAMED,
    profiles=on_small_machines(kept_weights=6) | {"hour": AN_HOUR},
)
"""In the small profiles it is one run with the one from random weights, so it keeps the same epochs."""

OUR_DEEPLABV3PLUS_SSL = replace(
    OUR_DEEPLABV3PLUS,
    name="our_deeplabv3plus_ssl",
    title="DeepLabV3+ from our BYOL backbone (ours)",
    start="ssl",
    pretraining="our_byol",
    profiles=on_small_machines() | {"hour": AN_HOUR},
)

OUR_DEEPLABV3PLUS_RANDOM = replace(
    OUR_DEEPLABV3PLUS,
    name="our_deeplabv3plus_random",
    title="DeepLabV3+ from random weights (ours)",
    start="random",
)

OUR_DEEPLABV3PLUS_FOCAL = replace(
    OUR_DEEPLABV3PLUS,
    name="our_deeplabv3plus_focal",
    title="DeepLabV3+ with focal loss (ours)",
    loss="focal",
    loss_options={"gamma": 2.0},
    profiles=on_small_machines(loss_options={"gamma": 5.0}) | {"hour": AN_HOUR},
)
"""In few steps a rare class is left over, and the strongest gamma of the paper's table brings it forward most."""

OUR_FCN32S, OUR_FCN8S = (
    replace(
        OUR_DEEPLABV3PLUS,
        name=f"our_fcn{form}",
        title=f"VGG16-FCN{form} (ours)",
        model=f"vgg16_fcn{form}",
        model_options={},
        auxiliary_weight=0.0,
        profiles=on_small_machines(kept_weights=6, **WHOLE),
    )
    for form in ("32s", "8s")
)

SKIPS: tuple[int | str | None, ...] = (None, 1, 2, 3, 4, "random")
"""Skips to drop, one a recipe, the shallowest first; "random" drops a random one at each step."""


def unet_without(skip: int | str | None) -> SegmentationRecipe:
    """Return our U-Net with one skip dropped, for the ablation."""
    dropped = "" if skip is None else f"_without_{skip}"
    words = " with a random skip dropped" if skip == "random" else f" without skip {skip}" if skip else ""
    return replace(
        OUR_DEEPLABV3PLUS,
        name=f"our_unet{dropped}",
        title=f"U-Net{words} (ours)",
        model="unet",
        start="random",
        model_options={"drop_skip": skip},
        auxiliary_weight=0.0,
        profiles=on_small_machines(kept_weights=6 if skip is None else 0, model_options={"drop_skip": skip}),
    )


SEGMENTATION = (
    R1_FCN32S,
    R1_DEEPLABV3,
    R2_FCN32S,
    R2_RESNET101_FCN,
    R3_UNET,
    R3_UNET_DROPPED,
    R3_DEEPLABV3PLUS,
    R4_FCN32S,
    R4_DEEPLABV3_FOCAL,
    R5_FCN32S,
    R5_FCN8S,
    OUR_FCN32S,
    OUR_FCN8S,
    *map(unet_without, SKIPS),
    OUR_DEEPLABV3PLUS,
    OUR_DEEPLABV3PLUS_SSL,
    OUR_DEEPLABV3PLUS_RANDOM,
    OUR_DEEPLABV3PLUS_FOCAL,
)
