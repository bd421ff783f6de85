"""Results of a system: from the run records, and from the recorded results that the book holds.

Records of the given data and profile come first; recorded results of other data or profiles follow.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dlcvlib import data, paths, recipes, runs
from dlcvlib.counting import counted
from dlcvlib.data import CourseData
from dlcvlib.files.damage import naming
from dlcvlib.recipes import PROFILES, Recipe
from dlcvlib.runs import Group, Run
from dlcvlib.runs.group import check

RANKS = {profile: rank for rank, profile in enumerate(reversed(PROFILES))}
"""Order of results: the largest profile first."""


@dataclass(frozen=True)
class System:
    """One system of a report: its recipe, its results, and the command that makes its records.

    Args:
        recipe: its settings.
        results: groups of finished runs, then of recorded results, which have no runs.
        unfinished: one text for each record that is not finished.
        damaged: one text for each record that cannot be read: the file, and what to do.
        command: the command that trains it.
    """

    recipe: Recipe
    results: tuple[Group, ...]
    unfinished: tuple[str, ...]
    damaged: tuple[str, ...]
    command: str

    @property
    def here(self) -> Group | None:
        """Result of the run records; None if there is none."""
        return next((result for result in self.results if result.runs), None)


@dataclass(frozen=True)
class Sources:
    """Records and results that the report is made of.

    Args:
        profile: profile of the records.
        data: data that they were made on.
        runs: folder of the records.
        recorded: recorded results of the book.
        data_root: folder of the data as the user named it, for the commands.
    """

    profile: str
    data: CourseData
    runs: Path
    recorded: tuple[Mapping[str, Any], ...]
    data_root: str | None = None

    def system(self, recipe: Recipe) -> System:
        """Return a recipe with its results."""
        records, damaged = self._read(recipe)
        finished = [(run, info) for run, info in records if info["status"] == "finished"]
        unfinished = tuple(_progress(run, info) for run, info in records if info["status"] != "finished")
        here = runs.grouped([info for _, info in finished], recipe.measure, [run for run, _ in finished])
        recorded = [info for info in self.recorded if info["recipe"]["name"] == recipe.name]
        known = {(each.profile, each.data) for each in here}
        others = [each for each in runs.grouped(recorded, recipe.measure) if (each.profile, each.data) not in known]
        results = sorted((*here, *others), key=lambda result: (not result.runs, RANKS.get(result.profile, len(RANKS))))
        return System(recipe, tuple(results), unfinished, tuple(damaged), self.command(recipe))

    def command(self, recipe: Recipe) -> str:
        """Return the command that trains a recipe, or resumes it."""
        seeds = recipes.seeds(recipe.name, self.profile)
        return self._command(["train", recipe.name], ["--seeds", str(seeds)] if seeds > 1 else [])

    @property
    def command_for_maps(self) -> str:
        """Command that makes the maps that no record holds yet."""
        return self._command(["report", "OUT.html"], ["--maps"])

    def _command(self, words: list[str], options: list[str]) -> str:
        named = ["--data", self.data_root] if self.data_root else []
        return shlex.join(["dlcv", *words, "--profile", self.profile, *options, *named])

    def _read(self, recipe: Recipe) -> tuple[list[tuple[Run, Mapping[str, Any]]], list[str]]:
        """Return the records of a recipe with their `run.json`, by seed, and a text for each damaged one."""
        sound, damaged = [], []
        for run in runs.records_of(self.runs, self.profile, recipe.name):
            try:
                sound.append((run, _checked(run, recipe.measure)))
            except (OSError, ValueError) as error:
                damaged.append(str(error))
        return sound, damaged


def find_sources(profile: str, data_root: str | Path | CourseData | None = None) -> Sources:
    """Return the sources of a profile and the data at `data_root`; None searches as `dlcvlib.data.find` does.

    Raises:
        ValueError: unknown profile, or a recorded result that cannot be read; the message names it.
        dlcvlib.data.DataError: no data there.
    """
    if profile not in PROFILES:
        raise ValueError(f"unknown profile {profile!r}; known are {', '.join(PROFILES)}")
    course = data_root if isinstance(data_root, CourseData) else data.find(data_root or None)
    named = str(data_root) if isinstance(data_root, str | Path) and str(data_root) else None
    return Sources(profile, course, paths.runs_home(course.root), runs.read_results(paths.results_home()), named)


def made_on(group: Group) -> str:
    """Return data, profile and whatever else makes a value incomparable with a reported one, in words."""
    words = [group.data, counted(group.images, "image") if group.images else "", f"profile {group.profile}"]
    words += ["reduced network"] if group.is_reduced else []
    words += ["settings changed since"] if _is_outdated(group) else []
    words += [f"one run with {shared}"] if (shared := group.entry("trained_as")) else []
    return ", ".join(filter(None, words))


def _is_outdated(group: Group) -> bool:
    """Return True if the recipe has other settings today."""
    try:
        today = recipes.get(group.entry("recipe", "name")).for_profile(group.profile)
        return any(_of_result(recipes.recorded(info["recipe"])) != _of_result(today) for info in group.infos)
    except ValueError:  # a recipe or a setting that this version does not know
        return True


def _of_result(recipe: Recipe) -> dict[str, Any]:
    """Return the settings without the number of epochs whose weights are kept, which differs between seeds."""
    return dict(runs.as_json(replace(recipe, kept_weights=0).as_dict()))


def _checked(run: Run, measure: str) -> Mapping[str, Any]:
    """Read every entry of a record that the report shows; return its `run.json`.

    Raises:
        ValueError: the record is damaged; the message names the file and what to do.
    """
    with naming(run.path / "run.json"):
        info = run.info
        if info["profile"] not in PROFILES:
            raise ValueError(f"the profile is {info['profile']!r}; known are {', '.join(PROFILES)}")
        if info["status"] == "finished":
            check(info, measure)
            made_on(Group((info,), measure))
        else:
            _progress(run, info)
    with naming(run.path / "history.csv"):
        if info["status"] == "finished" and run.history["epoch"].empty:
            raise ValueError("it holds no epoch")
    return info


def _progress(run: Run, info: Mapping[str, Any]) -> str:
    return f"seed {info['seed']}: {info['status']}, epoch {run.epochs_done} of {info['recipe']['epochs']}"
