"""What the benchmarks of training share: rows that take turns, their throughput, ratios within a round, the machine."""

import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from dlcvlib.training.device import choose_precision, hardware

PACKAGES = ("torch", "torchvision", "pillow", "numpy", "lightly")
LOADED_AHEAD = 4
"""Batches that a DataLoader of two workers loads before they are asked for."""

STATUS = Path("/proc/self/status")
"""Where Linux tells the most memory that a process had. ru_maxrss would include what its parent had."""

Steps = Generator[None, None, None]
"""A training loop that stops after every step: `next` does one."""
Rows = Mapping[str, Callable[[], Steps]]
"""Name of each row to what opens its loop."""
Measured = dict[str, list[float]]
"""Name of each row to its images a second in every round."""


def take_turns(rows: Rows, rounds: int, steps: int, batch_size: int, device: torch.device) -> Measured:
    """Images a second of every row in every round, so that whatever else slows the machine slows all rows."""
    measured: Measured = {name: [] for name in rows}
    for _ in range(rounds):
        for name, open_loop in rows.items():
            measured[name].append(images_a_second(open_loop, steps, batch_size, device))
    return measured


def images_a_second(open_loop: Callable[[], Steps], steps: int, batch_size: int, device: torch.device) -> float:
    """Throughput of `steps` steps, after as many as let a loader's workers load ahead what they may.

    The loop is closed afterwards, so that its workers do not load on while another row is timed.
    """
    loop = open_loop()
    for _ in range(max(LOADED_AHEAD, steps // 5)):
        next(loop)
    wait_for(device)
    start = time.perf_counter()
    for _ in range(steps):
        next(loop)
    wait_for(device)
    taken = time.perf_counter() - start
    loop.close()
    return steps * batch_size / taken


def wait_for(device: torch.device) -> None:
    """Until the device has done what it was given; a CPU already has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def median_ratio(these: list[float], those: list[float]) -> float:
    """Median over the rounds of the ratio in each."""
    return statistics.median(one / other for one, other in zip(these, those, strict=True))


def fastest(measured: Measured, names: Iterable[str]) -> str:
    """Which of the rows named has the highest median."""
    return max(names, key=lambda name: statistics.median(measured[name]))


def peak_megabytes() -> float:
    """The most memory that this process had; nan where the system does not tell."""
    if not STATUS.is_file():
        return math.nan
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def machine(device: torch.device) -> dict[str, Any]:
    """What the numbers depend on besides the code."""
    return {
        "device": hardware(device),
        "host": hardware(torch.device("cpu")),
        "processors": os.cpu_count(),
        "chosen_precision": choose_precision(device),
        "versions": {"python": platform.python_version()} | _installed(PACKAGES),
    }


def _installed(packages: Iterable[str]) -> dict[str, str]:
    versions = {}
    for name in packages:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
