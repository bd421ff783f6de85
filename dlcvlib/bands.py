"""Metric bands: ranges of a recipe's results on the toy world, to compare records with.

The file is YAML, `recipe: {measure: [low, high]}`; a measure is an entry of "best" in `run.json`. Bands measured with
the profile `quick` hold for `gpu` too, which trains the same on another machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

import yaml

from dlcvlib import recipes, runs
from dlcvlib.files.atomic import read_regular
from dlcvlib.files.damage import naming

CLAIMS = "claims"
"""Key of the list that `dlcvlib.claims` reads."""
NARROWEST = 0.06
"""Half the width of the narrowest band."""
DEVIATIONS = 4
"""Half the width of a band, in standard deviations over seeds."""
SHARE = 0.3
"""Half the width of a band, as a share of the mean: one seed has no standard deviation, which is up to 12 %."""


@dataclass(frozen=True)
class Band:
    """Range of a measure at a recipe's best epoch, both ends included."""

    recipe: str
    measure: str
    low: float
    high: float


@dataclass(frozen=True)
class Reading:
    """Values of the finished records, to compare with a band."""

    band: Band
    values: tuple[float, ...]
    """One value for each seed."""
    seeds: int
    """Number of seeds that the book trains."""

    @property
    def verdict(self) -> Literal["ok", "OUT", "missing"]:
        """`ok` if the mean over the seeds lies in the band; `missing` if a seed's record is not finished."""
        if len(self.values) < self.seeds:
            return "missing"
        return "ok" if self.band.low <= fmean(self.values) <= self.band.high else "OUT"

    def __str__(self) -> str:
        value = f"{fmean(self.values):.4f}" if self.values else "-"
        found = f"; {len(self.values)} of {self.seeds} records" if self.verdict == "missing" else ""
        band = f"[{self.band.low:g}, {self.band.high:g}]"
        return f"{self.band.recipe:<28}{self.band.measure:<14}{value:>8}  {band:<16}{self.verdict}{found}"


@dataclass(frozen=True)
class Damaged:
    """A record that cannot be read."""

    reason: str
    """The file, and what to do."""
    verdict: Literal["damaged"] = "damaged"

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reason}"


def entries_of(file: str | Path) -> dict[Any, Any]:
    """Return the content of a file of bands.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the YAML is malformed or no mapping; the message names the file.
    """
    try:
        entries = yaml.safe_load(read_regular(Path(file)))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{file} is no YAML: {error}") from error
    if not isinstance(entries, dict) or not entries:
        raise ValueError(f"{file} must hold lines like `our_scratch: {{val_accuracy: [0.4, 0.6]}}`")
    return entries


def read(file: str | Path) -> list[Band]:
    """Return the bands of a file, in its order; see `entries_of`, and a ValueError names a wrong entry, too."""
    file = Path(file)
    entries = entries_of(file)
    listed = ((recipe, measures) for recipe, measures in entries.items() if recipe != CLAIMS)
    return [band for recipe, measures in listed for band in _bands(file, recipe, measures)]


def _bands(file: Path, recipe: Any, measures: Any) -> Iterator[Band]:
    if recipe not in recipes.RECIPES:
        raise ValueError(f"{file}: {recipe!r} is no recipe; `dlcv train --help` lists them")
    if not isinstance(measures, dict) or not measures:
        raise ValueError(
            f"{file}: {recipe} must name its measures, like {{val_accuracy: [0.4, 0.6]}}, not {measures!r}"
        )
    for measure, ends in measures.items():
        numbers = isinstance(ends, list) and all(type(end) in (int, float) and math.isfinite(end) for end in ends)
        if not numbers or len(ends) != 2 or ends[0] > ends[1]:
            raise ValueError(f"{file}: {recipe}: {measure} must be two numbers, [low, high], low first; it is {ends!r}")
        yield Band(recipe, str(measure), *map(float, ends))


def readings(bands: Sequence[Band], root: str | Path, profile: str) -> list[Reading | Damaged]:
    """Return the records' values for each band, then the damaged records.

    Raises:
        ValueError: a record was not made on the toy world, or lacks a band's measure.
    """
    finished, damaged = finished_records(root, profile)
    judged = [
        Reading(
            band,
            tuple(_value(run, band.measure) for run in runs_of(band.recipe, profile, finished)),
            recipes.seeds(band.recipe, profile),
        )
        for band in bands
    ]
    return [*judged, *damaged]


def runs_of(recipe: str, profile: str, finished: Mapping[str, Sequence[runs.Run]]) -> list[runs.Run]:
    """Return the records of a recipe by seed, see `runs.record_of`."""
    shared, own = (finished.get(each, ()) for each in (recipes.representative(recipe, profile), recipe))
    return list({run.path.name: run for run in (*shared, *own)}.values())


def finished_records(root: str | Path, profile: str) -> tuple[dict[str, list[runs.Run]], list[Damaged]]:
    """Return the finished records of a profile below `root`, by recipe, and the damaged ones.

    Raises:
        ValueError: one was not made on the toy world.
    """
    found: dict[str, list[runs.Run]] = {}
    damaged: list[Damaged] = []
    for run in runs.list_runs(root):
        if run.path.parents[1].name != profile:
            continue
        try:
            info = _checked(run)
        except (OSError, ValueError) as error:
            damaged.append(Damaged(str(error)))
            continue
        if info["status"] != "finished":
            continue
        if not info["data"]["is_toy"]:
            raise ValueError(
                f"{run.path} was made on {info['data']['root']}, and the bands hold for the toy world alone: "
                "leave out --data and DLCV_DATA"
            )
        found.setdefault(info["recipe"]["name"], []).append(run)
    return found, damaged


def _checked(run: runs.Run) -> dict[str, Any]:
    """Return the content of `run.json` after reading every entry that a band needs."""
    with naming(run.path / "run.json"):
        info = run.info
        _ = info["status"], info["data"]["is_toy"], info["data"]["root"]
        if info["recipe"]["name"] != run.path.parent.name:
            raise ValueError(f"its recipe is {info['recipe']['name']!r}")
        if info["status"] == "finished":
            _ = [float(value) for value in info["best"].values() if value is not None]
    return info


def _value(run: runs.Run, measure: str) -> float:
    best = run.info["best"]
    if measure not in best:
        raise ValueError(f"{run.path} has no measure {measure!r}; its best epoch has {', '.join(best)}")
    return float(best[measure])


def measured(root: str | Path, profile: str) -> str:
    """Return bands around the values of the finished records below `root`, as text for the file.

    Half a band's width is `DEVIATIONS` standard deviations over seeds, `SHARE` of the mean or `NARROWEST`, whichever is
    largest, within [0, 1]. The band of "collapsed" is its exact range.

    Raises:
        ValueError: a record is damaged, or was not made on the toy world.
    """
    finished, damaged = finished_records(root, profile)
    if damaged:
        raise ValueError("; ".join(each.reason for each in damaged))
    lines = []
    for name in (name for name in recipes.RECIPES if name in finished):
        measures = recipes.get(name).banded
        around = [f"{one}: {_around(one, [_value(run, one) for run in finished[name]])}" for one in measures]
        lines.append(f"{name}: {{{', '.join(around)}}}\n")
    return "".join(lines)


def _around(measure: str, values: Sequence[float]) -> list[float]:
    if measure == "collapsed":
        return [min(values), max(values)]
    mean = fmean(values)
    half = max(NARROWEST, SHARE * mean, DEVIATIONS * stdev(values) if len(values) > 1 else 0.0)
    return [round(max(0.0, mean - half), 3), round(min(1.0, mean + half), 3)]
