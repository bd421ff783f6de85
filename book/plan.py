"""Jobs of the book: one for each training and each chapter, and which of them need which.

`make book` (`book.schedule`) and, for a cluster, `notebooks/Snakefile` run these.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from dlcvlib import recipes

SMALL = ("smoke", "quick", "gpu")
"""Profiles of reduced networks, whose steps are too short for two threads to share."""
ON_GPU = ("10_segment_anything",)
"""Chapters that compute on a GPU themselves; the others only draw."""


@dataclass(frozen=True)
class Job:
    """One training (`recipe` and `seed`) or one chapter."""

    name: str
    needs: tuple[str, ...] = ()
    """Names of the jobs that must be done before."""
    recipe: str | None = None
    seed: int = 0

    @property
    def is_chapter(self) -> bool:
        """True for a chapter."""
        return self.recipe is None


def chapters(notebooks: Path) -> list[str]:
    """Return the names of the chapters, in the book's order.

    Raises:
        FileNotFoundError: there is none.
    """
    found = sorted(file.stem for file in notebooks.glob("[0-9][0-9]_*.py"))
    if not found:
        raise FileNotFoundError(f"{notebooks} holds no chapter (a file named like 01_title.py)")
    return found


def records(notebooks: Path, profile: str) -> dict[str, list[str]]:
    """Return the recipes whose records each chapter shows (`records.yaml`).

    A chapter would train missing ones itself; trained beforehand, they run side by side. Recipes whose settings the
    profile makes equal share one record.
    """
    file = notebooks / "records.yaml"
    listed = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return {chapter: recipes.representatives(names or (), profile) for chapter, names in (listed or {}).items()}


def starts(recipe: str, profile: str) -> tuple[str, ...]:
    """Return the recipes whose records a recipe starts from; none for an unknown one, whose own job reports it."""
    return tuple(recipes.representatives(recipes.get(recipe).needs if recipe in recipes.RECIPES else (), profile))


def seeds(recipe: str, profile: str) -> int:
    """Return the number of seeds that the book trains a recipe at."""
    return recipes.seeds(recipe, profile) if recipe in recipes.RECIPES else 1


def told_by(chapter: str, all_chapters: list[str]) -> list[str]:
    """Return the chapters that the report is composed from: all before it; none of another chapter."""
    return [name for name in all_chapters if name < chapter] if chapter.endswith("_report") else []


def threads(profile: str) -> int:
    """Return the number of threads of each job."""
    return 1 if profile in SMALL else 4 if profile == "full" else 2


def jobs(notebooks: Path, profile: str, seed: int) -> dict[str, Job]:
    """Return all jobs by name, in the order in which readers would have them: chapter by chapter."""
    names, shown = chapters(notebooks), records(notebooks, profile)
    found: dict[str, Job] = {}

    def add(recipe: str, first: int, count: int) -> list[str]:
        # One pre-training, of seed 0, serves the fine-tunings of every seed.
        needed = tuple(job for start in starts(recipe, profile) for job in add(start, 0, 1))
        added = [Job(f"{recipe}-{each}", needed, recipe, each) for each in range(first, first + count)]
        found.update({job.name: job for job in added if job.name not in found})
        return [job.name for job in added]

    for name in names:
        needs = [job for recipe in shown.get(name, ()) for job in add(recipe, seed, seeds(recipe, profile))]
        found[name] = Job(name, (*needs, *told_by(name, names)))
    return found
