"""Expected work of each job, in core-seconds: measured on this machine, else in `notebooks/costs.yaml`.

python -m book.costs --profile quick      # write the table of a profile from the last build's measurements
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

import yaml

from book.commands import ROOT
from book.notes import Notes
from dlcvlib import recipes
from dlcvlib.files.atomic import write_text

COSTS = ROOT / "notebooks" / "costs.yaml"
HEAD = """\
# Core-seconds of each training and chapter, for the progress of `make book` and the order of its jobs.
# Written by `python -m book.costs --profile NAME` after a build; measured on the machine that built.
"""
UNKNOWN = 10.0
"""Core-seconds of a job of which nothing is known."""
PAGES = "pages"
"""Job that makes the pages."""


def expected(jobs: Iterable[str], profile: str, notes: Notes) -> dict[str, float]:
    """Return the expected core-seconds of jobs."""
    table = read().get(profile, {}) | notes.seconds.get(profile, {})
    by_recipe = {name.rpartition("-")[0]: seconds for name, seconds in table.items()}
    usual = median(table.values()) if table else UNKNOWN
    return {job: table.get(job, by_recipe.get(job.rpartition("-")[0], usual)) for job in jobs}


def read(file: Path = COSTS) -> dict[str, dict[str, float]]:
    """Return the table: core-seconds by profile and job."""
    return (yaml.safe_load(file.read_text(encoding="utf-8")) or {}) if file.is_file() else {}


def write(profile: str, measured: Mapping[str, float], file: Path = COSTS) -> None:
    """Replace a profile's entries of the table."""
    table = read(file) | {profile: {name: round(seconds, 1) for name, seconds in sorted(measured.items())}}
    ordered = {name: table[name] for name in recipes.PROFILES if name in table}
    write_text(file, HEAD + yaml.safe_dump(ordered, sort_keys=False))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table of a profile.

    Returns:
        exit status: 0 if there was something to write.
    """
    parser = argparse.ArgumentParser(prog="costs", description="Writes notebooks/costs.yaml from the last build.")
    parser.add_argument("--profile", default="quick", choices=recipes.PROFILES)
    parser.add_argument("--out", type=Path, default=ROOT / "book" / "chapters", help="folder of the executed chapters")
    given = parser.parse_args(arguments)
    measured = Notes.read(given.out).seconds.get(given.profile, {})
    if not measured:
        print(f"costs: {given.out} has no measurements of {given.profile}; build the book first", file=sys.stderr)
        return 1
    write(given.profile, measured)
    print(f"{COSTS}: {len(measured)} jobs, {sum(measured.values()):.0f} core-seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
