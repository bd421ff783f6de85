"""Recipe: the settings of one training as data, and the changes that each profile makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

PROFILES = ("smoke", "quick", "gpu", "hour", "full")
"""`smoke`: tests, seconds. `quick`: the toy world on 2 cores, the book. `gpu`: as quick, on a GPU, to check
that path. `hour`: real data, an hour of 2 cores. `full`: one GPU, the report's own setting."""

READS_AS = {"gpu": "quick"}
"""Profiles that are read as another one unless a recipe defines them; the bands of one hold for both."""

OUTSIDE = ("pretrained", "imagenet", "coco")
"""Values of `Recipe.start` that ask for outside weights."""


@dataclass(frozen=True)
class Optimizer:
    """An optimizer and its settings; `learning_rate` is the highest that the schedule reaches."""

    name: Literal["sgd", "adam", "adamw", "lars"]
    learning_rate: float
    weight_decay: float = 0.0
    momentum: float = 0.9
    nesterov: bool = False
    decay: Literal["all", "matrices"] = "all"
    """Parameters with weight decay: all, or only those with more than one dimension (no biases)."""


@dataclass(frozen=True)
class Schedule:
    """Learning-rate schedule, as a factor on the optimizer's rate.

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
    """Settings that every training has: data, network, optimizer and length.

    With the seed, the data and the machine they decide the result.
    """

    measure: ClassVar[str]
    """Column of the history that results are compared by, in [0, 1]; higher is better."""
    banded: ClassVar[tuple[str, ...]]
    """Columns that a band is kept for, see `dlcvlib.bands`."""
    uses_labels: ClassVar[bool] = True

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
    """`reduced`: a small network of the same family, for CPUs."""
    model_options: Mapping[str, Any] = field(default_factory=dict)
    images_per_class: int | None = None
    """Train on the first images of each class only; None for all."""
    snapshots: int = 30
    """Largest number of snapshots besides the one before training, evenly spaced, first and last epoch included."""
    evaluate_every: int = 1
    """Evaluate after each so many epochs; always after the first, the last and those with a snapshot. The best epoch is
    one of these."""
    kept_weights: int = 0
    """Largest number of epochs whose weights are kept, evenly spaced over those with a snapshot, first and last
    included. A finished record with more serves as well. Of the book's own recipes only the trainings of `KEPT_SEED`
    keep weights."""
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Fields that other profiles than `full` change."""
    only_for: str | None = None
    """The one profile that the recipe was changed for, see `dlcvlib.recipes.changed`; None for all."""

    def for_profile(self, profile: str) -> Self:
        """Return the recipe as `profile` runs it.

        Raises:
            ValueError: unknown profile, or not the one that the recipe was changed for.
        """
        if profile not in PROFILES:
            raise ValueError(f"unknown profile {profile!r}; known are {', '.join(PROFILES)}")
        if self.only_for not in (None, profile):
            raise ValueError(
                f"the recipe {self.name} was changed for the profile {self.only_for}, not for {profile}: call "
                f"recipes.changed(..., profile={profile!r})"
            )
        named = profile if profile in self.profiles else READS_AS.get(profile, profile)
        return replace(self, profiles={}, **self.profiles.get(named, {}))

    @property
    def start(self) -> str:
        """Initial weights: "random" unless a subclass has a setting for them."""
        return "random"

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the recipes whose records this one starts from."""
        return ()

    @property
    def repeated(self) -> bool:
        """True if the book trains it at several seeds, so that its differences from others have an error."""
        return False

    def unlabelled(self) -> Self:
        """Return the recipe, as a profile runs it, without what has no influence on its result, and without `needs`."""
        return replace(self, name="", title="", report="")

    def as_dict(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, numbers and strings, as `run.json` holds them."""
        values = asdict(self)
        del values["profiles"], values["only_for"]
        return values


@dataclass(frozen=True, kw_only=True)
class SupervisedRecipe(Recipe):
    """Settings of a training with labels or masks."""

    schedule: Schedule
    start: str = "random"
    pretraining: str | None = None
    """Recipe of the self-supervised pre-training that the backbone starts from."""
    augmentation: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    weight_average: float = 0.0
    """EMA decay of the weights that are evaluated and stored; 0 for none."""

    @property
    def takes_outside_weights(self) -> bool:
        """True if it starts from outside weights, which do not fit a reduced network."""
        return self.start in OUTSIDE and self.form == "full"

    def unlabelled(self) -> Self:
        """Return the recipe without what has no influence on its result, and without `needs`."""
        return replace(super().unlabelled(), pretraining=None)


@dataclass(frozen=True, kw_only=True)
class ClassificationRecipe(SupervisedRecipe):
    """Settings of a classification, or of one of the fine-tuning settings A to E."""

    measure: ClassVar[str] = "val_accuracy"
    banded: ClassVar[tuple[str, ...]] = ("val_accuracy",)

    start: Literal["random", "pretrained", "ssl"] = "random"
    """`pretrained`: outside weights, or pre-training with labels on Mini-ImageNet; `ssl`: the record `pretraining`."""
    supplied: Literal["imagenet", "mini", "dino"] = "imagenet"
    """Outside weights: torchvision's or timm's; the course's pretrain_model_SL.pt; the official DINO ResNet50."""
    stand_in: str | None = None
    """Recipe of a pre-training with labels that replaces missing outside weights; None makes one up."""
    setting: str | None = None
    """Fine-tuning setting, see `dlcvlib.recipes.SETTINGS`."""
    trains: Literal["model", "classifier"] = "model"
    """`classifier`: the backbone is frozen, its BatchNorm statistics too."""
    classifier_first: bool = False
    """Train the classifier on the frozen backbone first, then the whole network from there."""
    head: Literal["own", "linear"] = "own"
    """The network's own last layers, or one linear layer on its features."""
    snapshot_of: Literal["val", "train"] = "val"
    """Split whose features the snapshots hold."""
    label_smoothing: float = 0.0
    mixup_alpha: float = 0.0
    cutmix_alpha: float = 0.0
    mixing_probability: float = 1.0
    """Share of the batches that mixup or cutmix is applied to."""
    flip_averaging: bool = False
    """Average the logits of an image and its mirror in evaluation."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the recipes whose records this one starts from."""
        named = {"ssl": self.pretraining, "pretrained": self.stand_in}.get(self.start)
        return (named,) if named else ()

    def unlabelled(self) -> Self:
        """Return the recipe without labels and `needs`, and without outside weights that it does not take."""
        supplied = self.supplied if self.takes_outside_weights else "imagenet"
        return replace(super().unlabelled(), setting=None, supplied=supplied, stand_in=None)

    @property
    def repeated(self) -> bool:
        """True for our own fine-tuning settings."""
        return self.setting is not None and self.report == "ours"


@dataclass(frozen=True)
class View:
    """One kind of view of an image: its size in pixels, its augmentation, and how many a batch has of it."""

    size: int
    augmentation: Mapping[str, Mapping[str, Any]]
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class PretrainingRecipe(Recipe):
    """Settings of a self-supervised pre-training."""

    measure: ClassVar[str] = "knn"
    banded: ClassVar[tuple[str, ...]] = ("probe", "collapsed")
    uses_labels: ClassVar[bool] = False

    method: str
    """Name of a method in `dlcvlib.ssl.METHODS`."""
    views: tuple[View, ...]
    """Large (global) views first."""
    method_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the method's class."""
    momentum: tuple[float, float] = (0.996, 1.0)
    """EMA momentum of the target network, first and last, with half a cosine in between."""
    warmup_epochs: int = 0
    final_learning_rate: float = 0.0
    final_weight_decay: float | None = None
    """Weight decay at the end of half a cosine; None keeps it constant."""
    on_collapse: Literal["stop", "flag"] = "stop"
    """Stop at a collapse, or continue and flag it in the record."""


@dataclass(frozen=True, kw_only=True)
class SegmentationRecipe(SupervisedRecipe):
    """Settings of a semantic segmentation."""

    measure: ClassVar[str] = "mean_iou"
    banded: ClassVar[tuple[str, ...]] = ("mean_iou",)

    start: Literal["random", "imagenet", "coco", "ssl"] = "random"
    """Random; the backbone from ImageNet; the whole network from COCO; or the backbone of the record `pretraining`."""
    loss: Literal["cross_entropy", "focal", "dice", "lovasz"] = "cross_entropy"
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the function of that name in `dlcvlib.training.losses`."""
    weigh_classes: bool = False
    """Weight each class by its median frequency over the training masks."""
    ignore_unknown: bool = False
    """Ignore pixels of the class Unknown in the loss."""
    auxiliary_weight: float = 0.0
    """Weight of the auxiliary head's loss; 0 for a network without one."""
    tile: int | None = None
    """Side in pixels of the training crops; None for whole images."""
    dihedral_averaging: bool = False
    """Average the predictions over the eight flips and quarter turns of an image in evaluation."""
    train_images: int | None = None
    """Train on the first images only; None for all."""
    named_images: tuple[str, ...] = ()
    """Validation images whose predicted masks are stored, such as "0013"; three others where the data lack them."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the recipes whose records this one starts from."""
        return (self.pretraining,) if self.start == "ssl" and self.pretraining else ()

    def unlabelled(self) -> Self:
        """Return the recipe without labels and `needs`, and without outside weights that it does not take."""
        start = "random" if self.start in OUTSIDE and not self.takes_outside_weights else self.start
        return replace(super().unlabelled(), start=start)

    @property
    def repeated(self) -> bool:
        """True for our own segmentations."""
        return self.report == "ours"
