"""Problem 2, second half: the settings A to E on Office-Home, for each report and for our own backbones.

What a report leaves open is filled with the commonest choice and marked "open" here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from dlcvlib.course.settings import EXTRA, SETTINGS, Setting
from dlcvlib.recipes.recipe import ClassificationRecipe, Optimizer, Schedule

AUGMENTATION: dict[str, Any] = {"random_resized_crop": {"scale": (0.5, 1.0)}, "horizontal_flip": {}}

STARTS: dict[str, Literal["random", "pretrained", "ssl"]] = {"random": "random", "supplied": "pretrained", "ssl": "ssl"}


@dataclass(frozen=True)
class Series:
    """Fine-tuning settings of one backbone, all trained alike."""

    name: str
    title: str
    report: str
    model: str
    image_size: int
    epochs: int
    batch_size: int
    optimizer: Optimizer
    schedule: Schedule
    supplied: Literal["imagenet", "mini", "dino"]
    pretraining: str | None
    profiles: dict[str, dict[str, Any]]
    classifier_first: tuple[str, ...] = ("LP-FT",)
    """Settings that train the classifier on the frozen backbone before the whole network."""

    def recipe(self, row: str, setting: Setting) -> ClassificationRecipe:
        """Return the recipe of one setting."""
        name = row.lower().replace(" ", "_").replace("-", "_")
        return ClassificationRecipe(
            name=f"{self.name}_{name}",
            title=f"Setting {row} ({self.title})",
            report=self.report,
            dataset="office",
            model=self.model,
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            schedule=self.schedule,
            image_size=self.image_size,
            augmentation=AUGMENTATION,
            start=STARTS[setting.init],
            supplied=self.supplied,
            stand_in=MINI_LABELLED.name if setting.init == "supplied" and self.supplied != "imagenet" else None,
            pretraining=self.pretraining if setting.init == "ssl" else None,
            setting=row,
            trains=setting.trains,
            classifier_first=row in self.classifier_first,
            head="linear",
            snapshot_of="train" if row == "C" else "val",
            snapshots=10,
            profiles=self.profiles,
        )

    def recipes(self) -> tuple[ClassificationRecipe, ...]:
        """Return a recipe for each setting; C, E and LP-FT only with a pre-training of ours."""
        rows = (SETTINGS | EXTRA).items()
        return tuple(self.recipe(row, setting) for row, setting in rows if self.pretraining or setting.init != "ssl")


COSINE = Schedule("cosine", warmup=0.1)
SMALL: dict[str, Any] = {"form": "reduced", "image_size": 32, "model_options": {}, "batch_size": 32}
SMALL_OPTIMIZER = Optimizer("sgd", 0.05, weight_decay=5e-4, nesterov=True)


def on_small_machines(**hour: Any) -> dict[str, dict[str, Any]]:
    """Return the small profiles of a series; `hour` has the changes of that profile, if it has one."""
    small = SMALL | {"optimizer": SMALL_OPTIMIZER, "schedule": COSINE}
    profiles = {
        "smoke": small | {"epochs": 2, "images_per_class": 2, "snapshots": 2},
        "quick": small | {"epochs": 12},
    }
    return profiles | ({"hour": hour} if hour else {})


R1 = Series(
    name="r1_setting",
    title="R1, BYOL",
    report="R1",
    model="resnet50",
    image_size=128,
    epochs=50,  # open
    batch_size=32,  # open
    optimizer=Optimizer("adam", 3e-4),  # open
    schedule=Schedule("constant"),  # open
    supplied="mini",
    pretraining="r1_byol",
    profiles=on_small_machines(),
)

R3 = Series(
    name="r3_setting",
    title="R3, DINO",
    report="R3",
    model="resnet50",
    image_size=224,
    epochs=25,
    batch_size=32,
    optimizer=Optimizer("adam", 1e-4),  # open: only its learning rate is reported
    schedule=Schedule("plateau", every=10, gamma=0.1),  # open: torch's defaults
    supplied="dino",
    pretraining="r3_dino",
    profiles=on_small_machines(),
)

OUR_BYOL_SERIES = Series(
    name="our_byol",
    title="ours, BYOL",
    report="ours",
    model="resnet50",
    image_size=128,
    epochs=60,
    batch_size=64,
    optimizer=Optimizer("adamw", 5e-4, weight_decay=0.05),
    schedule=COSINE,
    supplied="mini",
    pretraining="our_byol",
    profiles=on_small_machines(
        model="resnet18",
        form="reduced",
        model_options={"width": 40},
        image_size=40,
        epochs=12,
        batch_size=32,
        optimizer=Optimizer("adamw", 2e-3, weight_decay=0.05),
    ),
)

OUR_DINO_SERIES = replace(OUR_BYOL_SERIES, name="our_dino", title="ours, DINO", pretraining="our_dino")

# Real ImageNet weights that fit through a CPU: no pre-training of ours, so no C and no E. In so few epochs an untrained
# classifier's gradients would only undo the start, so B trains the classifier first.
MOBILENET_V2 = replace(
    OUR_BYOL_SERIES,
    name="mobilenet_v2",
    title="MobileNetV2, ImageNet",
    model="mobilenet_v2",
    supplied="imagenet",
    pretraining=None,
    classifier_first=("B",),
    profiles=on_small_machines(epochs=4, batch_size=32),
)

# Without batch normalisation it needs small steps, and it overfits sooner: with MobileNetV2's recipe fine-tuning ends
# below the frozen backbone.
SQUEEZENET = replace(
    MOBILENET_V2,
    name="squeezenet1_0",
    title="SqueezeNet, ImageNet",
    model="squeezenet1_0",
    optimizer=Optimizer("adamw", 5e-5, weight_decay=0.05),
    profiles=on_small_machines(
        epochs=6,
        batch_size=32,
        weight_average=0.995,
        augmentation={
            "random_resized_crop": {"scale": (0.3, 1.0)},
            "colour_jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1, "probability": 0.8},
            "grey": {"probability": 0.1},
            "horizontal_flip": {},
        },
    )
    # Two epochs leave features that hardly vary: a classifier fitted to them has enormous weights, and B diverges.
    | {"smoke": on_small_machines()["smoke"] | {"classifier_first": False}},
)

MINI_LABELLED = ClassificationRecipe(
    name="mini_labelled",
    title="ResNet, with labels on Mini-ImageNet (ours)",
    report="ours",
    dataset="mini",
    model="resnet50",
    head="linear",
    epochs=100,
    batch_size=256,
    optimizer=Optimizer("adamw", 1e-3, weight_decay=0.05),
    schedule=COSINE,
    image_size=128,
    augmentation={"random_resized_crop": {"scale": (0.25, 1.0)}, "horizontal_flip": {}},
    label_smoothing=0.1,
    snapshots=2,
    profiles={
        "smoke": SMALL | {"optimizer": SMALL_OPTIMIZER, "epochs": 2, "images_per_class": 2},
        "quick": SMALL | {"optimizer": SMALL_OPTIMIZER, "epochs": 8},
        "hour": {
            "model": "resnet18",
            "form": "reduced",
            "model_options": {"width": 40},
            "image_size": 40,
            "epochs": 6,
            "batch_size": 64,
            "optimizer": Optimizer("adamw", 2e-3, weight_decay=0.05),
        },
    },
)
"""Stand-in for the course's pretrain_model_SL.pt, and for other outside weights that are missing."""

SERIES = {series.name: series for series in (R1, R3, OUR_BYOL_SERIES, OUR_DINO_SERIES, MOBILENET_V2, SQUEEZENET)}
FINETUNING = (MINI_LABELLED, *(recipe for series in SERIES.values() for recipe in series.recipes()))
