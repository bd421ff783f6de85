"""Speed of training loops that are timed in turns, peak memory, and the machine."""

from __future__ import annotations

import gc
import math
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import torch

from dlcvlib.training.device import choose_precision, hardware

PACKAGES = ("torch", "torchvision", "pillow", "numpy", "lightly")
WARM_UP = 2  # steps before a row is first timed, in which memory is allocated and kernels are chosen
LOADED_AHEAD = 2  # batches that each worker of a DataLoader loads ahead: its default `prefetch_factor`
STEPS_FOR_MEMORY = 2
STATUS = Path("/proc/self/status")  # has a process's peak memory; `ru_maxrss` would include that of its parent
MEGABYTE = 2**20

Steps = Generator[None, None, None]
"""A training loop that yields after every step."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class Settings:
    """Settings of a benchmark."""

    device: torch.device
    sizes: str  # one of `dlcvlib.bench.names.SIZES`
    minutes: float  # for each part
    rounds: int
    steps: int  # timed steps a turn
    workers: tuple[int, ...]  # numbers of DataLoader workers of the other ways to train, each a row
    peaks: bool = True  # measure peak memory on a CPU too, where each row needs its own process


@dataclass(frozen=True)
class Row:
    """One way to train."""

    who: str  # floor, choice (a floor with another choice), resident, ours, plain, torchvision or lightly
    open_loop: Callable[[], Steps]
    workers: int = 0  # of its DataLoader: they would load on during other turns, so the loop is closed after its own


Measured = tuple[dict[str, list[float]], dict[str, float], list[str]]
"""Images a second of each row in every round; its peak megabytes on a GPU, beyond what other rows had allocated;
descriptions of what there was no time for."""


def take_turns(rows: Mapping[str, Row], settings: Settings, batch_size: int, deadline: float) -> Measured:
    """Time each row once a round, so that other load on the machine slows all rows alike.

    The first round may take all the time until `deadline` (of `time.monotonic`). A turn is cut short, to one step at
    least, where its share of the time ends; rows that have none are left out. Another round begins only if it would
    end in time at the last one's pace.
    """
    measured: Measured = ({}, {}, [])
    speeds, megabytes, left_out = measured
    opened: dict[str, Steps] = {}
    taken = 0.0
    for number in range(settings.rounds):
        began = time.monotonic()
        if number and began + taken > deadline:
            left_out.append(f"{settings.rounds - number} of {settings.rounds} rounds")
            break
        names = list(speeds if number else rows)
        for position, name in enumerate(names):
            now = time.monotonic()
            if number == 0 and speeds and now > deadline:
                left_out.append(f"'{name}'")
                continue
            until = now + max(0.0, deadline - now) / (len(names) - position)
            done, seconds, peak = _turn(name, rows[name], settings, until, opened)
            speeds.setdefault(name, []).append(done * batch_size / seconds)
            if settings.device.type == "cuda":
                megabytes.setdefault(name, peak)
            if missing := settings.steps - done:
                left_out.append(f"'{name}' in round {number + 1}: {missing} of {settings.steps} steps")
        taken = time.monotonic() - began
    opened.clear()  # which closes the loops
    gc.collect()  # a closed loop's tensors lie in reference cycles
    return measured


def _turn(name: str, row: Row, settings: Settings, until: float, opened: dict[str, Steps]) -> tuple[int, float, float]:
    """Return the number of timed steps, their seconds, and by how many megabytes a GPU's memory rose."""
    allocated = gpu_peak(settings.device, reset=True)
    warm_up = max(1 if name in opened else WARM_UP, LOADED_AHEAD * row.workers)
    loop = opened.pop(name, None) or row.open_loop()
    for _ in range(warm_up):  # what was loaded ahead is not timed
        next(loop)
    wait_for(settings.device)
    started = time.perf_counter()
    done = 0
    while done < settings.steps and (done == 0 or time.monotonic() < until):
        next(loop)
        done += 1
    wait_for(settings.device)
    seconds = time.perf_counter() - started
    if row.workers:
        loop.close()
    else:
        opened[name] = loop
    return done, seconds, gpu_peak(settings.device) - allocated


def gpu_peak(device: torch.device, reset: bool = False) -> float:
    """Return the peak megabytes allocated on a GPU, since the last reset; 0 for a CPU."""
    if device.type != "cuda":
        return 0.0
    if reset:
        torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.max_memory_allocated(device) / MEGABYTE


def wait_for(device: torch.device) -> None:
    """Wait until a GPU has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def in_own_process(function: Callable[..., Result], *arguments: Any) -> Result:
    """Return what `function` returns in a new process; everything must pickle."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def peak_of(open_loop: Callable[[], Steps]) -> float:
    """Return the peak megabytes of this process after a few steps, without DataLoader workers."""
    loop = open_loop()
    for _ in range(STEPS_FOR_MEMORY):
        next(loop)
    return peak_megabytes()


def peak_megabytes() -> float:
    """Return the peak memory of this process; nan where the system has no /proc."""
    if not STATUS.is_file():
        return math.nan
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def machine(device: torch.device) -> dict[str, Any]:
    """Return what the numbers depend on besides the code."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    found: dict[str, Any] = {"device": hardware(device), "kind": device.type, "host": hardware(torch.device("cpu"))}
    return found | {"processors": os.cpu_count(), "precision": choose_precision(device), "versions": versions}
