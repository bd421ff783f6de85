"""Claims: what the book says of the toy world, as differences between run records that are judged with their error.

They stand in the file of the metric bands, as a list `claims`. Each says that one measure is above another by more than
`by`; an interval of 95 % around the mean difference over seeds decides (Student's t, the seeds paired).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, get_args

from dlcvlib import bands, recipes
from dlcvlib.metrics import Difference, mean_of_differences
from dlcvlib.runs import Run

CHANCE = "chance"
BEFORE = "before"
"""Word behind a measure that means the network before training."""
PROFILES = ("quick", "gpu")
"""Profiles whose records on the toy world the claims are about."""
Verdict = Literal["holds", "not clear", "FAILED", "missing"]


@dataclass(frozen=True)
class Side:
    """One side of a claim: a recipe's measure at its best epoch, or before training; or the accuracy of guessing."""

    recipe: str
    measure: str
    before: bool = False

    @property
    def is_chance(self) -> bool:
        """True for the accuracy of guessing: one divided by the number of classes."""
        return self.measure == CHANCE

    def value(self, run: Run) -> float:
        """Return the value in one record.

        Raises:
            ValueError: the record has no such measure.
        """
        if self.is_chance:
            return 1 / int(run.info["data"]["classes"])
        found = run.info["before" if self.before else "best"] or {}
        if self.measure not in found:
            raise ValueError(f"{run.path} has no measure {self.measure!r}; it has {', '.join(found)}")
        return float(found[self.measure])


@dataclass(frozen=True)
class Claim:
    """A sentence, and the two measures whose difference it is about."""

    says: str
    chapter: str
    higher: Side
    lower: Side
    by: float = 0.0
    std: float | None = None
    """Standard deviation of the difference over seeds, for a recipe that the book trains at one seed only."""
    std_seeds: int = 0
    """Number of trainings that `std` was measured from."""


@dataclass(frozen=True)
class Judged:
    """A claim with the differences of the finished records, one a seed."""

    claim: Claim
    higher: tuple[float, ...]
    lower: tuple[float, ...]
    expected: int
    """Number of seeds that the book trains."""

    @property
    def differences(self) -> list[float]:
        """Differences of the seeds that both sides have."""
        return [high - low for high, low in zip(self.higher, self.lower, strict=True)]

    @property
    def mean(self) -> float:
        """Mean difference; nan without a record."""
        return fmean(self.differences) if self.differences else math.nan

    @property
    def half_width(self) -> float | None:
        """Half the interval around the mean; None where one seed stands alone and no deviation was recorded."""
        claim = self.claim
        if len(self.differences) > 1:
            return mean_of_differences(self.differences).half_width
        if claim.std is None or claim.std_seeds < 2:
            return None
        return Difference(self.mean, claim.std, claim.std_seeds - 1).half_width

    @property
    def verdict(self) -> Verdict:
        """`holds` if the whole interval is above `by`; `not clear` if only the mean is, or if there is no interval;
        `FAILED` if the mean is not."""
        if not self.differences or len(self.differences) < self.expected:
            return "missing"
        if self.mean <= self.claim.by:
            return "FAILED"
        half = self.half_width
        return "holds" if half is not None and self.mean - half > self.claim.by else "not clear"

    @property
    def values(self) -> str:
        """Both means, their difference with its interval, and the number of seeds, in words."""
        interval = "" if self.half_width is None else f" ± {self.half_width:.3f}"
        seeds = f"{len(self.differences)} seed{'s' if len(self.differences) > 1 else ''}"
        return f"{fmean(self.higher):.3f} and {fmean(self.lower):.3f}, difference {self.mean:.3f}{interval}, {seeds}"

    def __str__(self) -> str:
        values = f" ({self.values})" if self.differences else ""
        return f"{self.verdict:<10}{self.claim.says}{values}"


def summary(judged: Sequence[Judged]) -> str:
    """Return how many claims hold, and a line for each other one."""
    others = [str(each) for each in judged if each.verdict != "holds"]
    return "\n".join([f"{len(judged) - len(others)} of {len(judged)} claims about the toy world hold", *others])


def in_words(judged: Sequence[Judged]) -> str:
    """Return which claims hold, for the top of a page, in Markdown: those that do not stand first.

    Args:
        judged: the claims of a chapter, at least one.
    """
    found = {verdict: [each for each in judged if each.verdict == verdict] for verdict in get_args(Verdict)}
    held, absent = len(found["holds"]), len(found["missing"])
    if held == len(judged):
        which = {1: "The finding of this chapter holds", 2: "Both findings of this chapter hold"}
        return f"{which.get(held, f'All {held} findings of this chapter hold')} on these images."
    titles = {"FAILED": "Did not work here", "not clear": "Not clear here"}
    sentences = [
        f"**{title}**: {'; '.join(f'{each.claim.says} ({_asked(each)})' for each in found[verdict])}."
        for verdict, title in titles.items()
        if found[verdict]
    ]
    if held:
        sentences.append(f"{held} of the chapter's {len(judged)} findings hold on these images.")
    if absent:
        count = f"{absent} of the chapter's {len(judged)} findings are" if absent < len(judged) else "The findings are"
        sentences.append(f"{count} judged once their trainings are done: then run this cell again.")
    return " ".join(sentences)


def folded(judged: Sequence[Judged]) -> str:
    """Return how many claims do not hold, with `in_words` folded below, in Markdown.

    Args:
        judged: the claims of a chapter, at least one.
    """
    fallen = sum(each.verdict in ("FAILED", "not clear") for each in judged)
    if not fallen:
        return in_words(judged)
    of = f"{fallen} of the chapter's {len(judged)} findings" if len(judged) > 1 else "The finding of this chapter"
    return (
        f"**{of} {'does' if fallen == 1 else 'do'} not hold on these images.**\n\n"
        f"<details><summary>Which? This answers a question below</summary>\n\n{in_words(judged)}\n\n</details>"
    )


def _asked(judged: Judged) -> str:
    margin = f", where more than {judged.claim.by:g} is asked for" if judged.claim.by else ""
    return f"{judged.values}{margin}"


def read(file: str | Path) -> list[Claim]:
    """Return the claims of a file of bands, in its order; none if it has no `claims`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a claim is malformed or names an unknown recipe; the message names file and claim.
    """
    listed = bands.entries_of(file).get(bands.CLAIMS) or []
    if not isinstance(listed, list):
        raise ValueError(f"{file}: `{bands.CLAIMS}` must be a list, not {listed!r}")
    return [_claim(file, entry) for entry in listed]


def judge(claims: Sequence[Claim], root: str | Path, profile: str) -> list[Judged]:
    """Compare claims with the finished records of a profile below `root`.

    Raises:
        ValueError: a record was not made on the toy world, or lacks a claim's measure.
    """
    finished, _ = bands.finished_records(root, profile)

    def judged(claim: Claim) -> Judged:
        higher = _by_seed(claim.higher, profile, finished)
        lower = higher if claim.lower.is_chance else _by_seed(claim.lower, profile, finished)
        seeds = [seed for seed in higher if seed in lower]
        return Judged(
            claim,
            tuple(claim.higher.value(higher[seed]) for seed in seeds),
            tuple(claim.lower.value(lower[seed]) for seed in seeds),
            min(recipes.seeds(side.recipe, profile) for side in (claim.higher, claim.lower)),
        )

    return [judged(claim) for claim in claims]


def _by_seed(side: Side, profile: str, finished: Mapping[str, Sequence[Run]]) -> dict[str, Run]:
    return {run.path.name: run for run in bands.runs_of(side.recipe, profile, finished)}


def _claim(file: str | Path, entry: Any) -> Claim:
    """Return the claim of a YAML entry."""
    known = {"says", "chapter", "higher", "lower", "by", "std"}
    if not isinstance(entry, dict) or not {"says", "chapter", "higher", "lower"} <= entry.keys() <= known:
        raise ValueError(f"{file}: a claim must have says, chapter, higher and lower, and may have by and std: {entry}")
    higher = _side(file, str(entry["higher"]))
    lower = Side(higher.recipe, CHANCE) if entry["lower"] == CHANCE else _side(file, str(entry["lower"]))
    by, std = entry.get("by", 0.0), entry.get("std", [None, 0])
    if not isinstance(by, int | float):
        raise ValueError(f"{file}: {entry['says']!r}: by must be a number, not {by!r}")
    if "std" in entry and not (
        isinstance(std, list) and len(std) == 2 and isinstance(std[0], int | float) and isinstance(std[1], int)
    ):
        raise ValueError(f"{file}: {entry['says']!r}: std must be a deviation and a number of trainings, not {std!r}")
    return Claim(str(entry["says"]), str(entry["chapter"]), higher, lower, float(by), *std)


def _side(file: str | Path, text: str) -> Side:
    """Return the side that `recipe measure` or `recipe measure before` names."""
    words = text.split()
    if len(words) not in (2, 3) or words[2:] not in ([], [BEFORE]):
        raise ValueError(
            f"{file}: {text!r} must be a recipe and a measure, like `our_byol knn` or `our_byol knn before`"
        )
    if words[0] not in recipes.RECIPES:
        raise ValueError(f"{file}: {words[0]!r} is no recipe; `dlcv train --help` lists them")
    return Side(words[0], words[1], before=len(words) == 3)
