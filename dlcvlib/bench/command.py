"""Command `dlcv bench`: its arguments, and the files that it writes."""

from __future__ import annotations

import argparse
import os
import re
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from dlcvlib import data, paths, recipes
from dlcvlib.bench import cost, table
from dlcvlib.bench.measuring import Settings, machine
from dlcvlib.bench.workloads import SIZES, WORKLOADS
from dlcvlib.data import CourseData
from dlcvlib.files.atomic import json_text, write_json
from dlcvlib.files.outputs import output_file


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
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
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS), metavar="NAME")
    parser.add_argument("--sizes", choices=SIZES, help="default: card on a GPU, cores on a CPU")
    parser.add_argument("--minutes", type=float, help="for the table and for each other part: 8 on a GPU, 30 on a CPU")
    parser.add_argument("--rounds", type=int, default=3, help="rounds in which each row has its turn")
    parser.add_argument("--steps", type=int, help="timed steps a turn: 50 on a GPU, 5 on a CPU")
    workers = "of the others' DataLoaders; default: 0 and 2, on a GPU as many as cores, at most 16"
    parser.add_argument("--workers", type=int, nargs="+", metavar="NUMBER", help=workers)
    parser.add_argument("--quick", action="store_true", help="one round of one step, without peak memory")
    parser.add_argument("--table", action="store_true", help="the table, where another part is asked for too")
    parser.add_argument("--scale", action="store_true", help="cost over the size of the set and the number of epochs")
    parser.add_argument("--project", choices=recipes.PROFILES, help="minutes of the trainings that RECORDS lists")
    records = paths.home() / "notebooks" / "records.yaml"
    parser.add_argument("--records", type=Path, default=records, help="default: notebooks/records.yaml")
    parser.set_defaults(run=_bench)


def _bench(asked: argparse.Namespace) -> int:
    settings = _settings(asked)
    course = data.find(asked.data)
    with output_file(asked.json, replace=asked.replace) if asked.json else nullcontext() as file:
        result = _measure(asked, settings, course)
        if file is not None:
            file.write(json_text(result).encode())
            print(asked.json)
    if asked.export:
        device = re.sub(r"[^a-z0-9]+", "-", result["machine"]["device"].lower()).strip("-")
        path = paths.results_home() / "bench" / f"bench-{device}.json"
        write_json(path, result)
        print(path)
    return 0


def _measure(asked: argparse.Namespace, settings: Settings, course: CourseData) -> dict[str, Any]:
    """Measure and print the parts asked for; return machine, settings and numbers."""
    began = time.monotonic()
    torch.manual_seed(0)
    found: dict[str, Any] = {"machine": machine(settings.device)}
    found["settings"] = vars(settings) | {"device": settings.device.type}
    found["data"] = {"root": course.root.name, "is_toy": course.is_toy}
    on = "the toy world" if course.is_toy else course.root
    print(f"{found['machine']['device']}, {found['machine']['precision']}, on {on}", flush=True)
    if asked.table or not (asked.scale or asked.project):
        found["workloads"] = table.measure(settings, list(dict.fromkeys(asked.workloads)), course.root)
    if asked.scale:
        found["scale"] = cost.measure_growth(settings, course.root)
    if asked.project:
        found["projection"] = cost.project(settings, asked.project, asked.records, course.root)
    found["minutes"] = (time.monotonic() - began) / 60
    print(f"\n{found['minutes']:.1f} minutes in all")
    return found


def _settings(asked: argparse.Namespace) -> Settings:
    """Complete the arguments with the device's defaults; ValueError for a device or number that cannot be used."""
    gpu = torch.cuda.is_available() if asked.device is None else asked.device == "cuda"
    if gpu and not torch.cuda.is_available():
        built = "" if torch.version.cuda else f"; this torch {torch.__version__} is built without CUDA"
        raise ValueError(f"--device cuda: torch sees no GPU here{built}. `dlcv check` says more; or --device cpu")
    numbers: dict[str, Any] = {
        "minutes": (8.0 if gpu else 30.0) if asked.minutes is None else asked.minutes,
        "rounds": 1 if asked.quick else asked.rounds,
        "steps": 1 if asked.quick else (50 if gpu else 5) if asked.steps is None else asked.steps,
    }
    for name, value in numbers.items():
        if not value > 0:
            raise ValueError(f"--{name} is {value}; it must be more than 0")
    workers = tuple(asked.workers or ([min(16, os.cpu_count() or 1)] if gpu else [0, 2]))
    if min(workers) < 0:
        raise ValueError(f"--workers has {min(workers)}; a DataLoader has 0 or more")
    size = asked.sizes or ("card" if gpu else "cores")
    return Settings(torch.device("cuda" if gpu else "cpu"), size, workers=workers, peaks=not asked.quick, **numbers)
