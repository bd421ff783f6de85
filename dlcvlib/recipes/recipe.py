"""What a recipe is: one system of a report as data, and its reading in each profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

PROFILES = ("smoke", "quick", "hour", "full")
"""`smoke`: tests, seconds. `quick`: the toy world on 2 cores, the book. `hour`: real data, an hour of 2 cores.
`full`: one GPU, the report's own setting."""


@dataclass(frozen=True)
class Optimizer:
    """An optimizer and its settings; `learning_rate` is the highest that the schedule reaches."""

    name: Literal["sgd", "adam", "adamw"]
    learning_rate: float
    weight_decay: float = 0.0
    momentum: float = 0.9
    nesterov: bool = False


@dataclass(frozen=True)
class Schedule:
    """How the learning rate runs over the training, as a factor on the optimizer's.

    `constant`; `step`: times `gamma` every `every` epochs; `cosine`: down to 0 along half a cosine;
    `one_cycle`: up during the first `warmup` share of the training, down to 0 in a straight line.
    """

    name: Literal["constant", "step", "cosine", "one_cycle"]
    every: int = 1
    gamma: float = 1.0
    warmup: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """One training, complete: everything that decides its result but the seed, the data and the machine."""

    name: str
    title: str
    report: str
    dataset: Literal["classification", "mini", "office"]
    model: str
    epochs: int
    batch_size: int
    optimizer: Optimizer
    schedule: Schedule
    image_size: int
    start: Literal["random", "pretrained"] = "random"
    form: Literal["report", "smallest"] = "report"
    model_options: Mapping[str, Any] = field(default_factory=dict)
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
    images_per_class: int | None = None
    """Train on the first so many images of each class; None for all."""
    snapshots: int = 30
    """At most so many snapshots besides the one before training, evenly spread, first and last epoch among them."""
    reported: float | None = None
    """Validation accuracy that the report states, in [0, 1]."""
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What other profiles than `full` change."""

    def for_profile(self, profile: str) -> Recipe:
        """The recipe as `profile` runs it.

        Raises:
            ValueError: no such profile.
        """
        if profile not in PROFILES:
            raise ValueError(f"unknown profile {profile!r}; known are {', '.join(PROFILES)}")
        return replace(self, profiles={}, **self.profiles.get(profile, {}))

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, numbers and strings, as `run.json` holds them."""
        values = asdict(self)
        del values["profiles"]
        return values
