"""`dlcv bench`: its arguments, and where what was measured is kept."""

from __future__ import annotations

import argparse
import os
import re
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from dlcvlib import paths, recipes
from dlcvlib.bench import sizes
from dlcvlib.bench.measuring import require_device
from dlcvlib.files.atomic import json_text, write_json
from dlcvlib.files.outputs import output_file

if TYPE_CHECKING:
    from dlcvlib.bench import parts
    from dlcvlib.data import CourseData

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

MINUTES = {"cpu": 30.0, "cuda": 8.0}
STEPS = {"cpu": 5, "cuda": 50}
MOST_WORKERS = 16


def add_arguments(subparsers: Subparsers) -> None:
    """Add `bench`; it sets `run`, a function of the parsed arguments that returns the exit status."""
    parser = subparsers.add_parser(
        "bench",
        help="time our training against other ways to train, and against the networks' arithmetic",
        description="One table of four workloads; --scale and --project measure something else, --table also that.",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: a GPU where there is one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine, settings and numbers to FILE")
    parser.add_argument("--replace", action="store_true", help="also a FILE that dlcv did not write")
    parser.add_argument("--export", action="store_true", help="write them to book/results/bench/, named by the machine")
    parser.add_argument("--data", type=Path, metavar="ROOT", help="default: $DLCV_DATA, then data/, then the toy world")
    parser.add_argument("--workloads", nargs="+", choices=sizes.RECIPES, default=list(sizes.RECIPES), metavar="NAME")
    parser.add_argument("--sizes", choices=sizes.SIZES, help="default: card on a GPU, cores on a CPU")
    parser.add_argument("--minutes", type=float, help="for the table and for each other part: 8 on a GPU, 30 on a CPU")
    parser.add_argument("--rounds", type=int, default=3, help="rounds in which each row has its turn")
    parser.add_argument("--steps", type=int, help="timed steps a turn: 50 on a GPU, 5 on a CPU")
    parser.add_argument(
        "--workers", type=int, nargs="+", help="of the others' DataLoaders; default: 0 and 2, on a GPU all cores' (16)"
    )
    parser.add_argument("--quick", action="store_true", help="one round of one step, without peak memory")
    parser.add_argument("--table", action="store_true", help="the table, where another part is asked for too")
    parser.add_argument("--scale", action="store_true", help="cost over the size of the set and the number of epochs")
    parser.add_argument(
        "--project", choices=recipes.PROFILES, metavar="PROFILE", help="minutes of the book's trainings"
    )
    parser.add_argument(
        "--records",
        type=Path,
        default=paths.home() / "notebooks" / "records.yaml",
        metavar="FILE",
        help="lists the recipes that the book trains (default: notebooks/records.yaml)",
    )
    parser.set_defaults(run=_bench)


def _bench(asked: argparse.Namespace) -> int:
    from dlcvlib import data
    from dlcvlib.bench import parts  # not above: lightly takes seconds to load

    how = parts.Asked(**_settings(asked))
    course = data.find(asked.data)
    with output_file(asked.json, replace=asked.replace) if asked.json else nullcontext() as file:
        result = _measured(asked, how, course)
        if file is not None:
            file.write(json_text(result).encode())
    if asked.json:
        print(asked.json)
    if asked.export:
        place = _place_in_the_book(result["machine"]["device"])
        write_json(place, result)
        print(place)
    return 0


def _measured(asked: argparse.Namespace, how: parts.Asked, course: CourseData) -> dict[str, Any]:
    """Machine, settings and numbers; what is measured is printed."""
    from dlcvlib.bench import parts
    from dlcvlib.bench.measuring import machine

    began = time.monotonic()
    torch.manual_seed(0)
    result: dict[str, Any] = {
        "machine": machine(how.device),
        "settings": vars(how) | {"device": how.device.type},
        "data": {"root": course.root.name, "is_toy": course.is_toy},
    }
    on = "the toy world" if course.is_toy else str(course.root)
    print(f"{result['machine']['device']}, {result['machine']['precision']}, on {on}", flush=True)
    if asked.table or not (asked.scale or asked.project):
        result["workloads"] = parts.workloads(how, list(dict.fromkeys(asked.workloads)), course.root)
    if asked.scale:
        result["scale"] = parts.cost_growth(how, course.root)
    if asked.project:
        result["projection"] = parts.projected(how, asked.project, asked.records, course.root)
    result["minutes"] = (time.monotonic() - began) / 60
    print(f"\n{result['minutes']:.1f} minutes in all")
    return result


def _settings(asked: argparse.Namespace) -> dict[str, Any]:
    """What was asked for, completed by what suits the device.

    Raises:
        ValueError: no such device here, or a number that means nothing.
    """
    device = require_device(asked.device)
    kind = device.type
    workers = tuple(asked.workers or ([min(MOST_WORKERS, os.cpu_count() or 1)] if kind == "cuda" else [0, 2]))
    minutes: float = MINUTES[kind] if asked.minutes is None else asked.minutes
    rounds: int = 1 if asked.quick else asked.rounds
    steps: int = 1 if asked.quick else STEPS[kind] if asked.steps is None else asked.steps
    for name, value in (("minutes", minutes), ("rounds", rounds), ("steps", steps)):
        if not value > 0:
            raise ValueError(f"--{name} is {value}; it must be more than 0")
    if min(workers) < 0:
        raise ValueError(f"--workers has {min(workers)}; a DataLoader has 0 or more")
    size = asked.sizes or ("card" if kind == "cuda" else "cores")
    return {
        "device": device,
        "sizes": size,
        "minutes": minutes,
        "rounds": rounds,
        "steps": steps,
        "workers": workers,
        "peaks": not asked.quick,
    }


def _place_in_the_book(device: str) -> Path:
    slug = re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")
    return paths.results_home() / "bench" / f"bench-{slug}.json"
