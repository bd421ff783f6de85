"""What a recipe is: one system of a report as data, and its reading in each profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

PROFILES = ("smoke", "quick", "gpu", "hour", "full")
"""`smoke`: tests, seconds. `quick`: the toy world on 2 cores, the book. `gpu`: the same trainings on a GPU, to check
that path. `hour`: real data, an hour of 2 cores. `full`: one GPU, the report's own setting."""

READS_AS = {"gpu": "quick"}
"""A profile that reads as another wherever a recipe says nothing of it; what was measured in the one holds in both."""

SEEDS = {"smoke": 2, "quick": 3, "gpu": 3, "hour": 2, "full": 3}
"""At how many seeds the settings are fine-tuned where they are compared with each other."""


@dataclass(frozen=True)
class Optimizer:
    """An optimizer and its settings; `learning_rate` is the highest that the schedule reaches."""

    name: Literal["sgd", "adam", "adamw", "lars"]
    learning_rate: float
    weight_decay: float = 0.0
    momentum: float = 0.9
    nesterov: bool = False
    decay: Literal["all", "matrices"] = "all"
    """What weight decay holds for: everything, or not biases and other parameters of one dimension."""


@dataclass(frozen=True)
class Schedule:
    """How the learning rate runs over the training, as a factor on the optimizer's.

    `constant`; `poly`: (1 - t) ** `gamma` over the training's share t; `step`: times `gamma` every `every` epochs;
    `cosine`: down to 0 along half a cosine, after a straight rise during the first `warmup` share of the training;
    `one_cycle`: up during the first `warmup` share, down to 0 in a straight line; `plateau`: times `gamma` when the
    validation loss has not fallen for more than `every` epochs.
    """

    name: Literal["constant", "poly", "step", "cosine", "one_cycle", "plateau"]
    every: int = 1
    gamma: float = 1.0
    warmup: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings that every training has: data, network, optimizer and length."""

    measure: ClassVar[str]
    """Column of the history that results are compared by, in [0, 1]; higher is better."""
    banded: ClassVar[tuple[str, ...]]
    """Columns that a band is kept for, see `dlcvlib.bands`."""

    name: str
    title: str
    report: str
    dataset: Literal["classification", "mini", "office", "satellite"]
    model: str
    epochs: int
    batch_size: int
    optimizer: Optimizer
    image_size: int
    form: Literal["full", "reduced"] = "full"
    model_options: Mapping[str, Any] = field(default_factory=dict)
    images_per_class: int | None = None
    """Train on the first so many images of each class; None for all."""
    snapshots: int = 30
    """At most so many snapshots besides the one before training, evenly spread, first and last epoch among them."""
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What other profiles than `full` change."""

    def for_profile(self, profile: str) -> Self:
        """The recipe as `profile` runs it.

        Raises:
            ValueError: no such profile.
        """
        if profile not in PROFILES:
            raise ValueError(f"unknown profile {profile!r}; known are {', '.join(PROFILES)}")
        named = profile if profile in self.profiles else READS_AS.get(profile, profile)
        return replace(self, profiles={}, **self.profiles.get(named, {}))

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the recipes whose records this one starts from."""
        return ()

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, numbers and strings, as `run.json` holds them."""
        values = asdict(self)
        del values["profiles"]
        return values


@dataclass(frozen=True, kw_only=True)
class ClassificationRecipe(Recipe):
    """Settings of a training with labels: all that decides its result but the seed, the data and the machine."""

    measure: ClassVar[str] = "val_accuracy"
    banded: ClassVar[tuple[str, ...]] = ("val_accuracy",)

    schedule: Schedule
    start: Literal["random", "pretrained", "ssl"] = "random"
    """`pretrained`: outside weights, or pre-training with labels on Mini-ImageNet; `ssl`: the record `pretraining`."""
    pretraining: str | None = None
    """Recipe of the self-supervised pre-training that the backbone starts from."""
    supplied: Literal["imagenet", "mini", "dino"] = "imagenet"
    """Which outside weights: torchvision's or timm's; the course's pretrain_model_SL.pt; the official DINO ResNet50."""
    stand_in: str | None = None
    """Recipe of the pre-training with labels that takes the place of outside weights; None makes one up."""
    setting: str | None = None
    """Fine-tuning setting, see `dlcvlib.recipes.SETTINGS`."""
    trains: Literal["model", "classifier"] = "model"
    """`classifier`: the backbone is frozen, its BatchNorm statistics too."""
    classifier_first: bool = False
    """Train the classifier on the frozen backbone first, then the whole network from there."""
    head: Literal["own", "linear"] = "own"
    """The network's own last layers, or one linear layer on its features, the same for every network."""
    snapshot_of: Literal["val", "train"] = "val"
    """Which images the snapshots hold features of."""
    augmentation: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    label_smoothing: float = 0.0
    mixup_alpha: float = 0.0
    cutmix_alpha: float = 0.0
    mixing_probability: float = 1.0
    """Share of the batches that are mixed, where mixup or cutmix is on."""
    weight_average: float = 0.0
    """Decay a step of the moving average of weights that is evaluated and kept; 0 for none."""
    flip_averaging: bool = False
    """Average the logits of an image and its mirror in evaluation."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the recipes whose records this one starts from."""
        named = {"ssl": self.pretraining, "pretrained": self.stand_in}.get(self.start)
        return (named,) if named else ()


@dataclass(frozen=True)
class View:
    """One kind of view of an image: how many a batch has of it, how large, how augmented."""

    size: int
    augmentation: Mapping[str, Mapping[str, Any]]
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class PretrainingRecipe(Recipe):
    """Settings of a self-supervised pre-training."""

    measure: ClassVar[str] = "knn"
    banded: ClassVar[tuple[str, ...]] = ("probe", "collapsed")

    method: Literal["byol", "dino"]
    views: tuple[View, ...]
    """Large (global) views first."""
    method_options: Mapping[str, Any] = field(default_factory=dict)
    """Of `dlcvlib.ssl.byol.BYOL` or `dlcvlib.ssl.dino.DINO`."""
    momentum: tuple[float, float] = (0.996, 1.0)
    """Of the moving average, first and last; it follows half a cosine in between."""
    warmup_epochs: int = 0
    final_learning_rate: float = 0.0
    final_weight_decay: float | None = None
    """Weight decay goes there along half a cosine; None keeps it as it is."""
    on_collapse: Literal["stop", "flag"] = "stop"
    """What happens when the network says the same of every image: it ends, or goes on and the record says so."""


@dataclass(frozen=True, kw_only=True)
class SegmentationRecipe(Recipe):
    """Settings of a semantic segmentation."""

    measure: ClassVar[str] = "mean_iou"
    banded: ClassVar[tuple[str, ...]] = ("mean_iou",)

    schedule: Schedule
    start: Literal["random", "imagenet", "coco", "ssl"] = "random"
    """Nothing; a backbone from ImageNet; the whole network from COCO; or a backbone from the record `pretraining`."""
    pretraining: str | None = None
    """Recipe of the self-supervised pre-training that the backbone starts from."""
    loss: Literal["cross_entropy", "focal", "dice", "lovasz"] = "cross_entropy"
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    """Of the function of that name in `dlcvlib.training.losses`."""
    weigh_classes: bool = False
    """Weigh each class by its median frequency over the training masks."""
    ignore_unknown: bool = False
    """Pixels of the class Unknown teach nothing; else Unknown is a class like others."""
    auxiliary_weight: float = 0.0
    """Weight of the loss of the network's auxiliary head; 0 for a network without one."""
    tile: int | None = None
    """Side in pixels of the crops that it trains on; None for whole images."""
    augmentation: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    weight_average: float = 0.0
    """Decay a step of the moving average of weights that is evaluated and kept; 0 for none."""
    dihedral_averaging: bool = False
    """Average the predictions over the eight flips and quarter turns of an image in evaluation."""
    train_images: int | None = None
    """Train on the first so many images; None for all."""
    named_images: tuple[str, ...] = ()
    """Validation images whose predicted masks are kept, such as "0013"; where the data have none of them, three."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the recipes whose records this one starts from."""
        return (self.pretraining,) if self.start == "ssl" and self.pretraining else ()
