"""From run records and the book's recorded results to what a system came to: mean, spread, hardware, minutes.

Records of the data and profile at hand come first; results that the book keeps stand beside them where they were made
on other data or with another profile. Each says what it was made on.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcvlib import data, paths, recipes
from dlcvlib.data import CourseData
from dlcvlib.data.images import natural
from dlcvlib.files.atomic import read_regular
from dlcvlib.files.damage import naming
from dlcvlib.recipes import PROFILES, Recipe
from dlcvlib.report.result import HERE, KEPT, Result, check, place_of
from dlcvlib.runs import Run


@dataclass(frozen=True)
class System:
    """One system of a report: its recipe, what it came to, and the command that makes its records."""

    recipe: Recipe
    results: tuple[Result, ...]
    begun: tuple[str, ...]
    """Records that are not finished, in words."""
    damaged: tuple[str, ...]
    """Records that were left out because they cannot be read: which file, and what to do."""
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

    def system(self, recipe: Recipe) -> System:
        """What a recipe came to."""
        at_hand, damaged = self._at_hand(recipe)
        finished = [run for run in at_hand if run.finished]
        begun = tuple(_unfinished(run) for run in at_hand if not run.finished)
        measure = recipe.measure
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
        return System(recipe, tuple(results), begun, tuple(damaged), self.command(recipe))

    def command(self, recipe: Recipe) -> str:
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

    def _at_hand(self, recipe: Recipe) -> tuple[list[Run], list[str]]:
        """The sound records of this profile, in the order of their seeds, and what is wrong with the others."""
        files = (self.runs / self.profile / recipe.name).glob("seed*/run.json")
        sound, damaged = [], []
        for run in [Run(file.parent) for file in sorted(files, key=lambda file: natural(file.parent.name))]:
            try:
                _check(run, recipe.measure)
                sound.append(run)
            except (OSError, ValueError) as error:
                damaged.append(str(error))
        return sound, damaged


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
    return Shelf(profile, course, paths.runs_home(course.root), recorded_results(paths.results_home()), named)


def recorded_results(folder: Path) -> tuple[Mapping[str, Any], ...]:
    """The results that the book keeps, in the order of their files' names; none where there is no such folder.

    Raises:
        ValueError: a file is no such result; the message names it.
    """
    found = []
    for file in sorted(folder.glob("*.json")):
        try:
            kept = json.loads(read_regular(file))
            name = place_of(kept)[-1]
            if name in recipes.RECIPES:
                check(kept, recipes.get(name).measure)
        except (AttributeError, KeyError, TypeError, ValueError, OSError, RecursionError) as error:
            raise ValueError(f"{file} is no result written by `dlcv runs --export`: {error!r}") from error
        found.append(kept)
    return tuple(found)


def _check(run: Run, measure: str) -> None:
    """Read everything that the report says of a record.

    Raises:
        ValueError: it is damaged; the message names the file and says what to do.
    """
    with naming(run.path / "run.json"):
        info = run.info
        if info["status"] == "finished":
            check(info, measure)
        else:
            place_of(info)
            _unfinished(run)
    with naming(run.path / "history.csv"):
        if info["status"] == "finished" and run.history["epoch"].empty:
            raise ValueError("it holds no epoch")


def _unfinished(run: Run) -> str:
    info = run.info
    try:
        epochs = len(run.history)
    except FileNotFoundError:
        epochs = 0
    return f"seed {info['seed']}: {info['status']}, epoch {epochs} of {info['recipe']['epochs']}"


def _groups(records: Sequence[Any], info_of: Any) -> list[list[Any]]:
    """Records by what they were made on, the largest profile first."""
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for record in records:
        groups.setdefault(place_of(info_of(record)), []).append(record)
    return [groups[key] for key in sorted(groups, key=lambda key: -PROFILES.index(key[0]))]
