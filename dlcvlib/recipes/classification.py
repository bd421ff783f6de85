"""Problem 1: the classification systems of R1, R2 and R4, and our own best from scratch.

What a report leaves open is filled with the commonest choice and marked "open" here.
"""

from __future__ import annotations

from typing import Any

from dlcvlib.recipes.recipe import ClassificationRecipe, Optimizer, Schedule

FLIP: dict[str, Any] = {"horizontal_flip": {}}
CROP: dict[str, Any] = {"random_crop": {"size": 32, "padding": 4}}
# Stronger augmentation pays over many epochs: in eight, DenseNet learnt a third as much with AutoAugment.
LIGHT: dict[str, Any] = CROP | FLIP


def on_small_machines(
    smoke_epochs: int = 2, quick_epochs: int = 8, kept_weights: int = 0, **changes: Any
) -> dict[str, dict[str, Any]]:
    """Return the small profiles of a network: its reduced network at 32 px, with a schedule for few steps.

    Args:
        smoke_epochs: epochs of the profile `smoke`, which also takes few images.
        quick_epochs: epochs of the profile `quick`.
        kept_weights: epochs whose weights `quick` keeps.
        changes: further fields, the same in both.
    """
    small: dict[str, Any] = {"form": "reduced", "image_size": 32, "model_options": {}} | changes
    return {
        "smoke": small | {"epochs": smoke_epochs, "batch_size": 50, "images_per_class": 4},
        "quick": small | {"epochs": quick_epochs, "batch_size": 32, "kept_weights": kept_weights},
    }


R1_AUGMENTATION: dict[str, Any] = {
    "horizontal_flip": {"probability": 0.2},
    "random_rotation": {"degrees": 15, "probability": 0.2},
}
R1_SCHEDULE = Schedule("step", every=3, gamma=0.85)
# At R1's 2e-4 the few hundred steps of the small profiles would change nothing.
R1_SMALL_OPTIMIZER = Optimizer("sgd", 0.05, weight_decay=2e-5)

R1_SMALL_CNN = ClassificationRecipe(
    name="r1_small_cnn",
    title="Small CNN, from scratch",
    report="R1",
    dataset="classification",
    model="small_cnn",
    epochs=50,  # open
    batch_size=32,  # open
    optimizer=Optimizer("sgd", 2e-4, weight_decay=2e-5),
    schedule=R1_SCHEDULE,
    image_size=128,
    augmentation=R1_AUGMENTATION,
    profiles=on_small_machines(kept_weights=6, optimizer=R1_SMALL_OPTIMIZER),
)

R1_RESNET50 = ClassificationRecipe(
    name="r1_resnet50",
    title="ResNet50, pre-trained",
    report="R1",
    dataset="classification",
    model="resnet50",
    start="pretrained",
    epochs=50,  # open
    batch_size=32,  # open
    optimizer=Optimizer("sgd", 2e-4, weight_decay=2e-5),
    schedule=R1_SCHEDULE,
    image_size=128,
    augmentation=R1_AUGMENTATION,
    profiles=on_small_machines(optimizer=R1_SMALL_OPTIMIZER),
)

R2_DENSENET121 = ClassificationRecipe(
    name="r2_densenet121",
    title="DenseNet121, from scratch",
    report="R2",
    dataset="classification",
    model="densenet121",
    model_options={"stem": "small"},  # open
    epochs=50,
    batch_size=128,
    optimizer=Optimizer("sgd", 0.1, weight_decay=2e-5),
    schedule=Schedule("cosine"),
    image_size=32,  # open
    augmentation={"auto_augment": {"policy": "imagenet"}, "random_erasing": {}},
    label_smoothing=0.1,
    profiles=on_small_machines(augmentation=LIGHT),
)

R2_CONVNEXT = ClassificationRecipe(
    name="r2_convnext",
    title="ConvNeXt, pre-trained",
    report="R2",
    dataset="classification",
    model="convnext_tiny",  # open: the report does not say which size
    start="pretrained",
    epochs=20,
    batch_size=64,  # open
    optimizer=Optimizer("adamw", 1e-4, weight_decay=0.05),  # open
    schedule=Schedule("cosine"),
    image_size=224,  # open
    augmentation=FLIP,
    label_smoothing=0.1,
    profiles=on_small_machines(optimizer=Optimizer("adamw", 2e-3, weight_decay=0.05)),
)

R4_VGG13_BN = ClassificationRecipe(
    name="r4_vgg13_bn",
    title="VGG13-BN, from scratch",
    report="R4",
    dataset="classification",
    model="vgg13_bn",
    epochs=300,
    batch_size=128,  # open
    optimizer=Optimizer("adamw", 1e-3, weight_decay=0.01),
    schedule=Schedule("cosine"),  # open
    image_size=32,
    augmentation=CROP | FLIP,
    profiles=on_small_machines(),
)

R4_BEIT = ClassificationRecipe(
    name="r4_beit",
    title="BEiT-B/16, pre-trained",
    report="R4",
    dataset="classification",
    model="beit_base",
    start="pretrained",
    epochs=6,
    batch_size=32,  # open
    optimizer=Optimizer("sgd", 3e-3),
    schedule=Schedule("cosine"),  # open
    image_size=224,
    augmentation=FLIP,
    mixup_alpha=0.1,
    cutmix_alpha=0.1,
    label_smoothing=0.1,
    profiles=on_small_machines(optimizer=Optimizer("adamw", 2e-3, weight_decay=0.05)),
)

# Few epochs need little regularisation, and the narrow network is the one whose many epochs fit into an hour.
IN_AN_HOUR: dict[str, Any] = {
    "model_options": {},
    "epochs": 32,
    "augmentation": CROP | FLIP | {"random_erasing": {"scale": (0.02, 0.2)}},
    "cutmix_alpha": 0.0,
    "weight_average": 0.998,
}

OUR_SCRATCH = ClassificationRecipe(
    name="our_scratch",
    title="Airbench, from scratch (ours)",
    report="ours",
    dataset="classification",
    model="airbench",
    model_options={"widths": (128, 384, 512)},
    epochs=200,
    batch_size=128,
    optimizer=Optimizer("sgd", 0.1, weight_decay=5e-4, nesterov=True),
    schedule=Schedule("one_cycle", warmup=0.1),
    image_size=32,
    augmentation={"auto_augment": {"policy": "cifar10"}} | CROP | FLIP,
    label_smoothing=0.1,
    cutmix_alpha=1.0,
    weight_average=0.999,
    flip_averaging=True,
    profiles=on_small_machines(kept_weights=6, weight_average=0.0, cutmix_alpha=0.0, augmentation=LIGHT)
    | {"hour": IN_AN_HOUR},
)

TIMM_RESNET26 = ClassificationRecipe(
    name="timm_resnet26",
    title="timm's ResNet-26, from scratch (ours)",
    report="ours",
    dataset="classification",
    model="timm/resnet26",
    epochs=100,
    batch_size=128,
    optimizer=Optimizer("adamw", 2e-3, weight_decay=0.05),
    schedule=Schedule("one_cycle", warmup=0.1),
    image_size=64,
    augmentation=CROP | FLIP,
    label_smoothing=0.1,
    profiles=on_small_machines(
        form="full", model="timm/test_resnet", image_size=64, optimizer=Optimizer("adamw", 5e-3, weight_decay=0.05)
    ),
)

CLASSIFICATION = (
    R1_SMALL_CNN,
    R1_RESNET50,
    R2_DENSENET121,
    R2_CONVNEXT,
    R4_VGG13_BN,
    R4_BEIT,
    OUR_SCRATCH,
    TIMM_RESNET26,
)


# Batch normalisation trains at a learning rate at which layer normalisation fails.
MINI_LEARNING_RATES = {"resnet50": 0.01}


def supervised_on_mini(recipe: ClassificationRecipe) -> ClassificationRecipe:
    """Return a pre-training with labels on Mini-ImageNet for the backbone of `recipe`, in place of outside weights.

    Args:
        recipe: recipe of a profile; the backbone has its form, options and image size.
    """
    return ClassificationRecipe(
        name=f"mini_supervised_{recipe.model.replace('/', '_')}_{recipe.form}",
        title=f"{recipe.model}, pre-trained with labels on Mini-ImageNet",
        report="ours",
        dataset="mini",
        model=recipe.model,
        form=recipe.form,
        model_options=recipe.model_options,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        optimizer=Optimizer("adamw", MINI_LEARNING_RATES.get(recipe.model, 2e-3), weight_decay=0.05),
        schedule=Schedule("one_cycle", warmup=0.2),
        image_size=recipe.image_size,
        augmentation=FLIP,
        images_per_class=recipe.images_per_class,
        snapshots=2,
    )
