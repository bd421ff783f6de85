"""Records that several recipes share: where a profile makes their settings equal, they are one run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dlcvlib import recipes
from dlcvlib.data.images import natural
from dlcvlib.recipes import Recipe
from dlcvlib.runs.info import DamagedRecordError
from dlcvlib.runs.listing import path_of
from dlcvlib.runs.run import Run
from dlcvlib.runs.writing import as_json


def record_of(root: Path, profile: str, name: str, seed: int) -> Run:
    """Return the record of a recipe below `root`, which may not be begun yet.

    It is the recipe's own where that was begun, else that of `recipes.representative`, read as the recipe's own. A
    record that began from a file of weights which the user named serves no other recipe.
    """
    own = Run(path_of(root, profile, name, seed))
    first = recipes.representative(name, profile)
    shared = Run(path_of(root, profile, first, seed))
    if first == name or (own.path / "run.json").exists() or _from_named_file(shared, recipes.get(first), profile):
        return own
    return _read_as(shared, first, name, profile)


def records_of(root: Path, profile: str, name: str) -> list[Run]:
    """Return the records of a recipe below `root`, by seed, as `record_of` finds them."""
    folders = {name, recipes.representative(name, profile)}
    found = {file.parent.name for each in folders for file in (Path(root) / profile / each).glob("seed*/run.json")}
    seeds = [int(seed) for folder in sorted(found, key=natural) if (seed := folder.removeprefix("seed")).isdecimal()]
    records = [record_of(root, profile, name, seed) for seed in seeds]
    return [run for run in records if (run.path / "run.json").exists()]


def _from_named_file(run: Run, recipe: Recipe, profile: str) -> bool:
    """True if a record began from outside weights that its recipe does not take by itself."""
    try:
        begun_from = run.info.get("start", {})
    except (DamagedRecordError, OSError):
        return False  # whoever reads the record reports it
    return "sha256" in begun_from and not getattr(recipe.for_profile(profile), "takes_outside_weights", False)


def _read_as(run: Run, first: str, name: str, profile: str) -> Run:
    """Return a record of the recipe `first` that reads as one of the recipe `name`."""
    made, asked = (as_json(recipes.get(each).for_profile(profile).as_dict()) for each in (first, name))
    return replace(run, labels={setting: value for setting, value in asked.items() if made[setting] != value})
