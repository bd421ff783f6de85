"""Recipes of problem 2, first half: BYOL as trained by report R1, DINO by R3, and our own BYOL, DINO and SimSiam.

Settings that a report leaves open are the defaults of the method or its code, marked "open" here. A report's training
that collapses continues and its record says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dlcvlib.recipes.recipe import Optimizer, PretrainingRecipe, View

FLIP: dict[str, Any] = {"horizontal_flip": {}}

R1_VIEW: dict[str, Any] = {
    "random_resized_crop": {},
    "colour_jitter": {"brightness": 0.8, "contrast": 0.8, "saturation": 0.8, "hue": 0.2, "probability": 0.3},
    "grey": {"probability": 0.2},
    "gaussian_blur": {"kernel_size": 3, "sigma": (1.0, 2.0), "probability": 0.2},
} | FLIP

DINO_COLOUR: dict[str, Any] = {
    "colour_jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.2, "hue": 0.1, "probability": 0.8},
    "grey": {"probability": 0.2},
} | FLIP


def dino_views(
    global_size: int,
    local_size: int,
    local_count: int,
    *,
    global_scale: tuple[float, float],
    local_scale: tuple[float, float],
    kernel_size: int,
) -> tuple[View, ...]:
    """DINO's views: two global ones, the first always blurred, the second sometimes solarised, and local ones.

    Source: Caron et al. 2021, section 3.1, with the augmentations of BYOL's table 6.
    """

    def blur(probability: float) -> dict[str, Any]:
        return {"gaussian_blur": {"kernel_size": kernel_size, "probability": probability}}

    large, small = ({"random_resized_crop": {"scale": scale}} | DINO_COLOUR for scale in (global_scale, local_scale))
    return (
        View(global_size, large | blur(1.0)),
        View(global_size, large | blur(0.1) | {"solarize": {"probability": 0.2}}),
        View(local_size, small | blur(0.5), count=local_count),
    )


def byol_views(
    size: int,
    *,
    scale: tuple[float, float],
    kernel_size: int,
    sigma: tuple[float, float] = (0.1, 2.0),
    blurred: float = 1.0,
) -> tuple[View, ...]:
    """BYOL's two views, which differ in the probability of blur and of solarisation: table 6 of the paper.

    `sigma` is the blur's in pixels of the view, so small views need less; `blurred` is the first view's probability.
    """
    colour = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.2, "hue": 0.1, "probability": 0.8}
    view: dict[str, Any] = {
        "random_resized_crop": {"scale": scale},
        "colour_jitter": colour,
        "grey": {"probability": 0.2},
    } | FLIP
    blur: dict[str, Any] = {"kernel_size": kernel_size, "sigma": sigma}
    return (
        View(size, view | {"gaussian_blur": blur | {"probability": blurred}}),
        View(size, view | {"gaussian_blur": blur | {"probability": 0.1}, "solarize": {"probability": 0.2}}),
    )


# In the few hundred steps of quick, Adam learns less than SGD with a large rate.
SMALL_OPTIMIZER = Optimizer("sgd", 0.1, weight_decay=1e-4, decay="matrices")
SMALL_DINO_OPTIMIZER = replace(SMALL_OPTIMIZER, learning_rate=0.2)


def on_small_machines(quick: dict[str, Any], **small: Any) -> dict[str, dict[str, Any]]:
    """Settings of the profiles for CPUs: the reduced network and small views.

    Args:
        quick: settings of the profile quick only.
        small: settings of both smoke and quick.
    """
    small = {"form": "reduced", "image_size": 32, "model_options": {}} | small
    return {
        "smoke": small | {"epochs": 2, "batch_size": 16, "images_per_class": 2, "snapshots": 2, "warmup_epochs": 0},
        "quick": small
        | {"batch_size": 32, "snapshots": 10, "momentum": (0.9, 1.0), "warmup_epochs": 1, "optimizer": SMALL_OPTIMIZER}
        | quick,
    }


def toy_view(size: int, scale: tuple[float, float], *, count: int, solarized: float = 0.0) -> View:
    """A grey view for the toy world: its classes differ in shape and texture, not in colour."""
    jitter = {"brightness": 0.4, "contrast": 0.4, "probability": 0.8}
    augmentation: dict[str, Any] = {
        "random_resized_crop": {"scale": scale},
        "colour_jitter": jitter,
        "grey": {"probability": 1.0},
        "solarize": {"probability": solarized},
    } | FLIP
    return View(size, augmentation, count)


SMALL_BYOL: dict[str, Any] = {"hidden": 256, "out": 64}
# Without batch normalisation in the head the reduced network's scores hardly differ between images. The centre must
# follow the teacher faster than the teacher changes, or the teacher chooses by what changed last and not by the image.
SMALL_DINO: dict[str, Any] = {
    "out_dim": 64,
    "hidden": 256,
    "bottleneck": 64,
    "batch_norm": True,
    "center_momentum": 0.8,
    "frozen_last_layer_epochs": 0,
    "warmup_teacher_temp": 0.04,
    "teacher_temp": 0.04,
}
SMALL_SIMSIAM: dict[str, Any] = {"hidden": 256, "out": 128, "bottleneck": 64}

R1_BYOL = PretrainingRecipe(
    name="r1_byol",
    title="BYOL (R1)",
    report="R1",
    dataset="mini",
    model="resnet50",
    method="byol",
    method_options={"hidden": 4096, "out": 256},  # open: defaults of the code used
    views=(View(128, R1_VIEW, count=2),),
    epochs=100,  # open
    batch_size=32,
    optimizer=Optimizer("adam", 3e-4),
    final_learning_rate=3e-4,
    momentum=(0.99, 0.99),  # open
    on_collapse="flag",
    image_size=128,
    profiles=on_small_machines({"epochs": 5}, views=(View(32, R1_VIEW, count=2),), method_options=SMALL_BYOL),
)

R3_DINO = PretrainingRecipe(
    name="r3_dino",
    title="DINO (R3)",
    report="R3",
    dataset="mini",
    model="resnet50",
    method="dino",
    method_options={"out_dim": 65536, "warmup_teacher_temp": 0.04, "teacher_temp": 0.04},  # open: the code's defaults
    views=dino_views(224, 96, 6, global_scale=(0.14, 1.0), local_scale=(0.05, 0.14), kernel_size=23),
    epochs=500,
    batch_size=128,
    optimizer=Optimizer("sgd", 3e-2, weight_decay=1e-4, decay="matrices"),
    warmup_epochs=10,
    final_learning_rate=1e-6,
    momentum=(0.996, 1.0),
    on_collapse="flag",
    image_size=224,
    profiles=on_small_machines(
        {"epochs": 5, "kept_weights": 5, "momentum": (0.98, 1.0), "optimizer": SMALL_DINO_OPTIMIZER},
        views=dino_views(32, 16, 2, global_scale=(0.4, 1.0), local_scale=(0.2, 0.4), kernel_size=3),
        method_options=SMALL_DINO,
    ),
)

NARROW_VIEW: dict[str, Any] = {
    "random_resized_crop": {"scale": (0.2, 1.0)},
    "colour_jitter": {"brightness": 0.6, "contrast": 0.6, "saturation": 0.6, "hue": 0.15, "probability": 0.8},
    "grey": {"probability": 0.2},
    "solarize": {"probability": 0.1},
} | FLIP

# In an hour of two cores a narrow network can train for 12 epochs, ResNet18 for 6, after which its kNN accuracy was
# still below that of random weights. Small batches give many steps.
BYOL_IN_AN_HOUR: dict[str, Any] = {
    "model": "resnet18",
    "form": "reduced",
    "model_options": {"width": 40},
    "image_size": 40,
    "views": (View(40, NARROW_VIEW, count=2),),
    "method_options": {"hidden": 512, "out": 128},
    "momentum": (0.98, 1.0),
    "epochs": 12,
    "batch_size": 64,
    "optimizer": Optimizer("adamw", 2e-3, weight_decay=0.05, decay="matrices"),
    "warmup_epochs": 1,
    "snapshots": 12,
}

OUR_BYOL = PretrainingRecipe(
    name="our_byol",
    title="BYOL (ours)",
    report="ours",
    dataset="mini",
    model="resnet50",
    method="byol",
    views=byol_views(112, scale=(0.2, 1.0), kernel_size=9),
    epochs=300,
    batch_size=256,
    optimizer=Optimizer("adamw", 1e-3, weight_decay=0.05, decay="matrices"),
    warmup_epochs=10,
    momentum=(0.99, 1.0),
    image_size=128,
    profiles=on_small_machines(
        {"epochs": 8, "kept_weights": 6},
        views=(toy_view(32, (0.6, 1.0), count=2, solarized=0.2),),
        method_options=SMALL_BYOL,
    )
    | {"hour": BYOL_IN_AN_HOUR},
)

OUR_DINO = PretrainingRecipe(
    name="our_dino",
    title="DINO (ours)",
    report="ours",
    dataset="mini",
    model="resnet50",
    method="dino",
    method_options={"out_dim": 2048, "warmup_teacher_temp": 0.02, "teacher_temp": 0.02},
    views=dino_views(96, 48, 6, global_scale=(0.25, 1.0), local_scale=(0.05, 0.25), kernel_size=9),
    epochs=300,
    batch_size=256,
    optimizer=Optimizer("adamw", 1e-3, weight_decay=0.04, decay="matrices"),
    final_weight_decay=0.1,
    warmup_epochs=10,
    momentum=(0.99, 1.0),
    image_size=128,
    profiles=on_small_machines(
        {
            "epochs": 8,
            "kept_weights": 6,
            "momentum": (0.98, 1.0),
            "final_weight_decay": None,
            "optimizer": SMALL_DINO_OPTIMIZER,
        },
        views=(toy_view(32, (0.4, 1.0), count=2, solarized=0.2), toy_view(24, (0.3, 0.6), count=2)),
        method_options=SMALL_DINO,
    ),
)

# The paper keeps the predictor's learning rate constant; here one schedule holds for all parameters. `momentum` has no
# effect without a target network.
OUR_SIMSIAM = PretrainingRecipe(
    name="our_simsiam",
    title="SimSiam (ours)",
    report="ours",
    dataset="mini",
    model="resnet50",
    method="simsiam",
    views=byol_views(112, scale=(0.2, 1.0), kernel_size=9),
    epochs=300,
    batch_size=256,
    optimizer=Optimizer("sgd", 0.05, weight_decay=1e-4),
    on_collapse="flag",
    image_size=128,
    profiles=on_small_machines(
        {"epochs": 8, "optimizer": Optimizer("sgd", 0.06, weight_decay=1e-4)},
        views=(toy_view(32, (0.6, 1.0), count=2, solarized=0.2),),
        method_options=SMALL_SIMSIAM,
    ),
)


def broken(recipe: PretrainingRecipe, name: str, title: str, **options: Any) -> PretrainingRecipe:
    """The recipe with method options that remove one part, to show the collapse; for half the epochs, at least 4.

    It keeps no weights.
    """

    def without(changes: Mapping[str, Any]) -> dict[str, Any]:
        kept = changes.get("method_options", recipe.method_options)
        epochs = changes["epochs"]
        reduced = {"epochs": min(epochs, max(4, epochs // 2)), "kept_weights": 0}
        return {**changes, "method_options": {**kept, **options}, **reduced}

    profiles = {profile: without(changes) for profile, changes in recipe.profiles.items()}
    return replace(
        recipe,
        name=name,
        title=title,
        epochs=30,
        on_collapse="flag",
        method_options={**recipe.method_options, **options},
        profiles=profiles,
    )


BYOL_WITHOUT_PREDICTOR = broken(
    OUR_BYOL, "byol_without_predictor", "BYOL without its predictor and target", predictor=False, follows=False
)
SIMSIAM_WITHOUT_STOP_GRADIENT = broken(
    OUR_SIMSIAM, "simsiam_without_stop_gradient", "SimSiam without its stop-gradient", stop_gradient=False
)
DINO_WITHOUT_CENTRE = broken(OUR_DINO, "dino_without_centre", "DINO without centring", center_momentum=1.0)
DINO_WITHOUT_SHARPENING = broken(
    OUR_DINO, "dino_without_sharpening", "DINO without sharpening", warmup_teacher_temp=0.1, teacher_temp=0.1
)

PRETRAINING = (
    R1_BYOL,
    R3_DINO,
    OUR_BYOL,
    OUR_DINO,
    OUR_SIMSIAM,
    BYOL_WITHOUT_PREDICTOR,
    SIMSIAM_WITHOUT_STOP_GRADIENT,
    DINO_WITHOUT_CENTRE,
    DINO_WITHOUT_SHARPENING,
)
