"""What a system came to with one profile on one set of data: mean, spread, hardware, minutes."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dlcvlib import recipes, runs
from dlcvlib.recipes import PROFILES
from dlcvlib.recipes.marks import VALIDATION_IMAGES
from dlcvlib.runs import Run

HERE, KEPT = "run records", "recorded results"
TOY = "toy world"


@dataclass(frozen=True)
class Result:
    """One system with one profile on one set of data, over its seeds."""

    made: tuple[Mapping[str, Any], ...]
    """What `run.json`, or the recorded result, says of each seed."""
    source: str
    """`HERE` or `KEPT`."""
    measure: str
    runs: tuple[Run, ...] = ()
    """The records, where they are on this machine."""

    @property
    def values(self) -> list[float]:
        """The measure at the best epoch of each seed, in [0, 1]."""
        return [float(each["best"][self.measure]) for each in self.made]

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return statistics.fmean(self.values)

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds; None of a single one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def profile(self) -> str:
        """Name of the profile."""
        return str(self.made[0]["profile"])

    @property
    def is_toy(self) -> bool:
        """Whether it was made on drawn images, whose values say nothing of the course's."""
        return bool(self.made[0]["data"]["is_toy"])

    @property
    def is_of_others(self) -> bool:
        """Whether its validation images are neither drawn nor the course's own, going by their number."""
        counted = VALIDATION_IMAGES.get(self.made[0]["recipe"]["dataset"])
        return not self.is_toy and counted not in (None, self.made[0]["data"].get("val_images"))

    @property
    def mark(self) -> str:
        """What must stand beside its value wherever a reported one does too; empty where they may be compared."""
        return " (toy)" if self.is_toy else " (other images)" if self.is_of_others else ""

    @property
    def is_reduced(self) -> bool:
        """Whether a stand-in took the place of the reported network."""
        return self.made[0]["recipe"]["form"] == "reduced"

    @property
    def data(self) -> str:
        """Folder of the data, or that they are drawn."""
        return TOY if self.is_toy else str(self.made[0]["data"]["root"])

    @property
    def made_on(self) -> str:
        """Data and profile, and what else sets its value apart from a reported one."""
        images = self.made[0]["data"].get("val_images")
        words = [self.data, f"{images} images" if images else "", f"profile {self.profile}"]
        words += ["reduced network"] if self.is_reduced else []
        words += ["settings changed since"] if self.is_outdated else []
        return ", ".join(filter(None, words))

    @property
    def is_outdated(self) -> bool:
        """Whether the recipe has other settings today."""
        try:
            today = recipes.get(self.made[0]["recipe"]["name"]).for_profile(self.profile)
            return any(
                runs.as_json(recipes.recorded(each["recipe"]).as_dict()) != runs.as_json(today.as_dict())
                for each in self.made
            )
        except ValueError:  # a recipe or a setting that this version does not know
            return True

    @property
    def hardware(self) -> str:
        """What it was trained on."""
        return "; ".join(dict.fromkeys(str(each["device"]) for each in self.made))

    @property
    def minutes(self) -> float:
        """Mean length of a training."""
        return statistics.fmean(float(each["timings"]["minutes"]) for each in self.made)

    def class_mean(self, name: str) -> float | None:
        """Mean IoU of one land class over the seeds; None where a record does not say it."""
        values = [each["best"].get(f"iou_{name.lower()}") for each in self.made]
        return statistics.fmean(values) if None not in values else None


def place_of(info: Mapping[str, Any]) -> tuple[Any, ...]:
    """What records that differ in their seed only have in common."""
    return (info["profile"], info["data"]["root"], info["data"]["is_toy"], info["recipe"]["name"])


def check(info: Any, measure: str) -> None:
    """Read everything that the report says of a record or recorded result.

    Args:
        info: what `run.json` or the recorded result says.
        measure: figure that its recipe's best epoch is chosen by.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: something is missing, or is not what it should be.
    """
    if info["profile"] not in PROFILES:
        raise ValueError(f"the profile is {info['profile']!r}; known are {', '.join(PROFILES)}")
    one = Result((info,), KEPT, measure)
    hash((place_of(info), one.mean, one.made_on, one.hardware, one.minutes, int(info["seed"])))
