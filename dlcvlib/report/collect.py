"""From run records and the book's recorded results to what a system came to: mean, spread, hardware, minutes.

Records of the data and profile at hand come first; results that the book keeps stand beside them where they were made
on other data or with another profile. Each says what it was made on.
"""

from __future__ import annotations

import json
import shlex
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcvlib import data, places, recipes, runs
from dlcvlib.data import CourseData
from dlcvlib.data.images import natural
from dlcvlib.recipes import PROFILES, Pretraining, SegmentationRecipe, Training
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
    def is_smallest(self) -> bool:
        """Whether a stand-in took the place of the reported network."""
        return self.made[0]["recipe"]["form"] == "smallest"

    @property
    def data(self) -> str:
        """Folder of the data, or that they are drawn."""
        return TOY if self.is_toy else str(self.made[0]["data"]["root"])

    @property
    def made_on(self) -> str:
        """Data and profile, and what else sets its value apart from a reported one."""
        images = self.made[0]["data"].get("val_images")
        words = [self.data, f"{images} images" if images else "", f"profile {self.profile}"]
        words += ["smallest form"] if self.is_smallest else []
        words += ["settings changed since"] if self.is_outdated else []
        return ", ".join(filter(None, words))

    @property
    def is_outdated(self) -> bool:
        """Whether the recipe has other settings today."""
        today = recipes.get(self.made[0]["recipe"]["name"]).for_profile(self.profile)
        try:
            return any(
                runs.as_json(recipes.recorded(each["recipe"]).as_dict()) != runs.as_json(today.as_dict())
                for each in self.made
            )
        except ValueError:  # a setting that this version does not know
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


@dataclass(frozen=True)
class System:
    """One system of a report: its recipe, what it came to, and the command that makes its records."""

    recipe: Training
    results: tuple[Result, ...]
    begun: tuple[str, ...]
    """Records that are not finished, in words."""
    command: str

    @property
    def here(self) -> Result | None:
        """The result of the records at hand; None where they are missing."""
        return next((result for result in self.results if result.source == HERE), None)


@dataclass(frozen=True)
class Shelf:
    """Where the report takes its records and results from."""

    profile: str
    data: CourseData
    runs: Path
    recorded: tuple[Mapping[str, Any], ...]
    data_root: str | None = None
    """As the user named it; it belongs to the commands then."""

    def system(self, recipe: Training) -> System:
        """What a recipe came to."""
        at_hand = self._at_hand(recipe)
        finished = [run for run in at_hand if run.finished]
        begun = tuple(_unfinished(run) for run in at_hand if not run.finished)
        measure = measure_of(recipe)
        results = [
            Result(tuple(run.info for run in group), HERE, measure, tuple(group))
            for group in _groups(finished, lambda run: run.info)
        ]
        known = {(result.profile, result.data) for result in results}
        kept = _groups([each for each in self.recorded if each["recipe"]["name"] == recipe.name], lambda each: each)
        results += [
            result
            for result in (Result(tuple(group), KEPT, measure) for group in kept)
            if (result.profile, result.data) not in known
        ]
        return System(recipe, tuple(results), begun, self.command(recipe))

    def command(self, recipe: Training) -> str:
        """The command that trains a recipe, or goes on with it."""
        seeds = recipes.seeds(recipe.name, self.profile)
        return self._command(["train", recipe.name], ["--seeds", str(seeds)] if seeds > 1 else [])

    @property
    def command_for_maps(self) -> str:
        """The command that makes the maps that no record keeps yet."""
        return self._command(["report", "OUT.html"], ["--maps"])

    def _command(self, words: list[str], options: list[str]) -> str:
        named = ["--data", self.data_root] if self.data_root else []
        return shlex.join(["dlcv", *words, "--profile", self.profile, *options, *named])

    def _at_hand(self, recipe: Training) -> list[Run]:
        """The records of this profile, in the order of their seeds, once it is certain that they are some."""
        files = (self.runs / self.profile / recipe.name).glob("seed*/run.json")
        found = [Run(file.parent) for file in sorted(files, key=lambda file: natural(file.parent.name))]
        for run in found:
            try:
                _place(run.info)
            except (KeyError, TypeError, ValueError) as error:
                file = run.path / "run.json"
                raise ValueError(f"{file} is no record of a training ({error!r}): remove {run.path}") from error
        return found


def open_shelf(profile: str, data_root: str | Path | CourseData | None = None) -> Shelf:
    """The shelf of a profile and the data at `data_root`, or where the data are found.

    Raises:
        ValueError: unknown profile, or a recorded result that cannot be read; the message names it.
        dlcvlib.data.DataError: no data there.
    """
    if profile not in PROFILES:
        raise ValueError(f"unknown profile {profile!r}; known are {', '.join(PROFILES)}")
    course = data_root if isinstance(data_root, CourseData) else data.find(data_root or None)
    named = str(data_root) if isinstance(data_root, str | Path) and str(data_root) else None
    return Shelf(profile, course, places.runs_home(course.root), recorded_results(places.results_home()), named)


def recorded_results(folder: Path) -> tuple[Mapping[str, Any], ...]:
    """The results that the book keeps, in the order of their files' names; none where there is no such folder.

    Raises:
        ValueError: a file is no such result; the message names it.
    """
    found = []
    for file in sorted(folder.glob("*.json")):
        try:
            kept = json.loads(file.read_text())
            _place(kept)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{file} is no result written by `dlcv runs --export`: {error!r}") from error
        found.append(kept)
    return tuple(found)


def measure_of(recipe: Training) -> str:
    """Name of the figure that a recipe's best epoch is chosen by."""
    if isinstance(recipe, SegmentationRecipe):
        return "mean_iou"
    return "knn" if isinstance(recipe, Pretraining) else "val_accuracy"


def _unfinished(run: Run) -> str:
    info = run.info
    try:
        epochs = len(run.history)
    except FileNotFoundError:
        epochs = 0
    return f"seed {info['seed']}: {info['status']}, epoch {epochs} of {info['recipe']['epochs']}"


def _place(info: Mapping[str, Any]) -> tuple[Any, ...]:
    """What records that differ in their seed only have in common."""
    return (info["profile"], info["data"]["root"], info["data"]["is_toy"], info["recipe"]["name"])


def _groups(records: Sequence[Any], info_of: Any) -> list[list[Any]]:
    """Records by what they were made on, the largest profile first."""
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for record in records:
        groups.setdefault(_place(info_of(record)), []).append(record)
    return [groups[key] for key in sorted(groups, key=lambda key: -PROFILES.index(key[0]))]
