"""Measurements that `dlcv bench` was asked for, and the files that they are written to."""

from __future__ import annotations

import argparse
import os
import re
import time
from contextlib import nullcontext
from typing import Any

import torch

from dlcvlib import data, paths
from dlcvlib.bench import cost, table
from dlcvlib.bench.measuring import Settings, machine
from dlcvlib.data import CourseData
from dlcvlib.files.atomic import json_text, write_json
from dlcvlib.files.outputs import output_file


def run(asked: argparse.Namespace) -> None:
    """Measure, print and write what was asked for.

    Args:
        asked: arguments of `dlcv bench`.

    Raises:
        ValueError: a device or a number that cannot be used.
        dlcvlib.files.outputs.ForeignFileError: a file that dlcv did not write would be replaced.
    """
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
