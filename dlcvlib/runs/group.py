"""Groups of results that differ in their seed only: mean, standard deviation, standard error, hardware and minutes."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlcvlib.course import MEASURES, VALIDATION_IMAGES
from dlcvlib.metrics import share_error
from dlcvlib.runs.run import Run

TOY = "toy world"


@dataclass(frozen=True)
class Group:
    """Finished results of one recipe with one profile on one set of data, one for each seed.

    Args:
        infos: content of `run.json`, or of a recorded result, for each seed.
        measure: entry of "best" that is compared, in [0, 1]: a key of `dlcvlib.course.MEASURES`, or the IoU of a class.
        runs: the records, where they are on this machine.
    """

    infos: tuple[Mapping[str, Any], ...]
    measure: str
    runs: tuple[Run, ...] = ()

    @property
    def values(self) -> list[float]:
        """The measure at the best epoch of each seed."""
        return [float(info["best"][self.measure]) for info in self.infos]

    @property
    def seeds(self) -> tuple[int | None, ...]:
        """Seed of each result; None where it is not recorded."""
        return tuple(info.get("seed") for info in self.infos)

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return statistics.fmean(self.values)

    @property
    def std(self) -> float | None:
        """Standard deviation over the seeds; None for a single one."""
        return statistics.stdev(self.values) if len(self.infos) > 1 else None

    @property
    def error(self) -> float | None:
        """Standard error of the mean, as a share of the validation images; None if their number is not recorded."""
        return share_error(self.mean, self.images) if self.images else None

    @property
    def images(self) -> int | None:
        """Number of validation images; None if it is not recorded."""
        return self.entry("data", "val_images")

    @property
    def profile(self) -> str:
        """Name of the profile."""
        return str(self.infos[0]["profile"])

    @property
    def is_toy(self) -> bool:
        """True for images that are drawn, whose values cannot be compared with the course's."""
        return bool(self.infos[0]["data"]["is_toy"])

    @property
    def mark(self) -> str:
        """Text behind a value that stands beside reported ones: " (toy)", " (other images)" by their number, or ""."""
        course = VALIDATION_IMAGES.get(self.infos[0]["recipe"].get("dataset"))
        return " (toy)" if self.is_toy else " (other images)" if course not in (None, self.images) else ""

    @property
    def data(self) -> str:
        """Folder of the data, or "toy world"."""
        return TOY if self.is_toy else str(self.infos[0]["data"]["root"])

    @property
    def is_reduced(self) -> bool:
        """True for a reduced network in place of the reported one."""
        return bool(self.entry("recipe", "form") == "reduced")

    @property
    def hardware(self) -> str | None:
        """Devices trained on; None if none is recorded."""
        named = (str(info["device"]) for info in self.infos if info.get("device"))
        return "; ".join(dict.fromkeys(re.sub(r"\b1 threads$", "1 thread", name) for name in named)) or None

    @property
    def minutes(self) -> float | None:
        """Mean length of a training; None if none is recorded."""
        recorded = [value for info in self.infos if (value := nested(info, "timings", "minutes")) is not None]
        return statistics.fmean(map(float, recorded)) if recorded else None

    def class_mean(self, name: str) -> float | None:
        """Mean IoU of a land class over the seeds; None if it is not recorded for each."""
        values = [nested(info, "best", f"iou_{name.lower()}") for info in self.infos]
        return statistics.fmean(values) if None not in values else None

    def entry(self, *keys: str) -> Any:
        """Entry under nested `keys`, which all seeds share; None if it is not recorded."""
        return nested(self.infos[0], *keys)


def nested(info: Mapping[str, Any], *keys: str) -> Any:
    """Return the entry under nested `keys`; None if there is none."""
    value: Any = info
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def group_of(runs: Run | Sequence[Run], measure: str) -> Group:
    """Return the group of finished runs, for a row of a table.

    Raises:
        ValueError: no run, runs of different recipes or profiles, or a run without the measure at its best epoch.
    """
    runs = (runs,) if isinstance(runs, Run) else tuple(runs)
    if not runs:
        raise ValueError("a row of the table holds no run: give each row at least one")
    group = Group(tuple(run.info for run in runs), measure, runs)
    kinds = {(nested(info, "recipe", "name"), info.get("profile")) for info in group.infos}
    if len(kinds) > 1:
        raise ValueError(f"one row of a table must hold one recipe and profile, got {sorted(map(str, kinds))}")
    for run, info in zip(runs, group.infos, strict=True):
        if nested(info, "best", measure) is None:
            file, name = run.path / "run.json", MEASURES[measure].name if measure in MEASURES else measure
            raise ValueError(f"{file} names no best {name}: is the training finished (see `dlcv runs`)?")
    return group


def grouped(infos: Sequence[Mapping[str, Any]], measure: str | None = None, runs: Sequence[Run] = ()) -> list[Group]:
    """Return groups of results, in the order of their first.

    Args:
        infos: contents of `run.json`, or recorded results, of any recipes.
        measure: to compare; None takes the one that each result has.
        runs: the record of each, where there is one.
    """
    alike: dict[tuple[object, ...], list[int]] = {}
    for index, info in enumerate(infos):
        alike.setdefault(_identity(info), []).append(index)
    groups = []
    for some in alike.values():
        first = infos[some[0]]
        records = tuple(runs[index] for index in some) if runs else ()
        groups.append(Group(tuple(infos[index] for index in some), measure or measure_of(first), records))
    return groups


def measure_of(info: Mapping[str, Any]) -> str:
    """Return the measure that the best epoch of a result is compared by.

    Raises:
        ValueError: it has none.
    """
    for measure in MEASURES:
        if measure in info["best"]:
            return measure
    raise ValueError(f"its best epoch has none of {', '.join(MEASURES)}")


def check(info: Mapping[str, Any], measure: str) -> None:
    """Read the entries that every table of results shows.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: an entry is missing, or of the wrong type.
    """
    group, minutes, seed = Group((info,), measure), float(info["timings"]["minutes"]), int(info["seed"])
    hash((_identity(info), group.mean, group.data, info["device"], minutes, seed))


def _identity(info: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what results that differ in their seed only have in common."""
    return (info["recipe"]["name"], info["data"]["root"], info["data"]["is_toy"], info["profile"])
