"""`dlcv runs`: list run records, export their results, or compare them with metric bands."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dlcvlib import paths
from dlcvlib.recipes import PROFILES


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `runs`."""
    parser = commands.add_parser("runs", help="list run records, export a result, or compare with metric bands")
    parser.add_argument("--data", type=Path, metavar="ROOT", help="list the records made on these data")
    parser.add_argument("--export", type=Path, metavar="RECORD", help="write the result of RECORD to book/results/")
    parser.add_argument("--profile", choices=PROFILES, help="list only the records of this profile")
    parser.add_argument("--bands", type=Path, metavar="FILE", help="exit with status 1 if a record is outside its band")
    parser.add_argument("--measure-bands", action="store_true", help="print bands around the results of the records")
    parser.set_defaults(run=_runs)


def _runs(arguments: argparse.Namespace) -> int:
    from dlcvlib import bands, data, runs

    if arguments.export:
        print(runs.export_result(runs.load(arguments.export), paths.results_home()))
        return 0
    root = paths.runs_home(data.find(arguments.data).root)
    if arguments.bands:
        return _compare(root, arguments.profile or "quick", arguments.bands)
    if arguments.measure_bands:
        print(bands.measured(root, arguments.profile or "quick"), end="")
        return 0
    records, damaged = runs.readable_runs(root)
    selected = [run for run in records if arguments.profile in (None, run.info.get("profile"))]
    if selected or damaged:
        print("\n".join(map(runs.summary, selected)))
    else:
        print(f"no record below {root} yet; `dlcv train --help` lists the recipes")
    for error in damaged:
        print(f"dlcv: skipped: {error}", file=sys.stderr)
    return 1 if damaged else 0


def _compare(root: Path, profile: str, file: Path) -> int:
    from dlcvlib import bands, claims

    readings = bands.readings(bands.read(file), root, profile)
    print("\n".join(map(str, readings)))
    outside = sum(reading.verdict != "ok" for reading in readings)
    print(f"{len(readings) - outside} of {len(readings)} in their bands (profile {profile}, records in {root})")
    judged = claims.judge(claims.read(file), root, profile)
    print(claims.summary(judged))
    return 1 if outside or any(each.verdict in ("FAILED", "missing") for each in judged) else 0
