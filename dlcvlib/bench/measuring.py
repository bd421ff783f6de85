"""What numbers need around them: the device waited for, peak memory, ratios within a round, the machine."""

from __future__ import annotations

import math
import multiprocessing
import os
import platform
import statistics
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import torch

from dlcvlib.training.device import choose_precision, hardware

PACKAGES = ("torch", "torchvision", "pillow", "numpy", "lightly")
STEPS_FOR_MEMORY = 2
STATUS = Path("/proc/self/status")
"""Where Linux tells the most memory that a process had. ru_maxrss would include what its parent had."""
MEGABYTE = 2**20

Steps = Generator[None, None, None]
"""A training loop that stops after every step: `next` does one."""
OpenLoop = Callable[[], Steps]
Result = TypeVar("Result")


def require_device(name: str | None) -> torch.device:
    """The device asked for, or the best there is.

    Raises:
        ValueError: torch sees no such device.
    """
    found = torch.cuda.is_available()
    if name is None:
        return torch.device("cuda" if found else "cpu")
    if name == "cuda" and not found:
        built = "" if torch.version.cuda else f"; this torch {torch.__version__} is built without CUDA"
        raise ValueError(
            f"--device cuda: torch sees no GPU here{built}. `dlcv check` says more; --device cpu runs here"
        )
    return torch.device(name)


def wait_for(device: torch.device) -> None:
    """Until the device has done what it was given; a CPU already has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def median_ratio(these: list[float], those: list[float]) -> float:
    """Median over the rounds of the ratio in each."""
    return statistics.median(one / other for one, other in zip(these, those, strict=True))


@contextmanager
def device_peak(megabytes: dict[str, float], name: str, device: torch.device) -> Iterator[None]:
    """Note under `name` how far a GPU's memory rises inside above what it was; on a CPU nothing: see `peak_memory`."""
    if device.type != "cuda" or name in megabytes:
        yield
        return
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    yield
    megabytes[name] = (torch.cuda.max_memory_allocated(device) - before) / MEGABYTE


def peak_memory(open_loop: OpenLoop) -> float:
    """Megabytes at the peak of a few steps on the CPU, in a process of its own, whose peak nothing else has raised.

    Its children, such as a DataLoader's workers, are left out.
    """
    return in_own_process(_peak_of, open_loop)


def in_own_process(function: Callable[..., Result], *arguments: Any) -> Result:
    """What `function` returns in a process that has done nothing before; all given must pickle."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _peak_of(open_loop: OpenLoop) -> float:
    loop = open_loop()
    for _ in range(STEPS_FOR_MEMORY):
        next(loop)
    return peak_megabytes()


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
        "kind": device.type,
        "host": hardware(torch.device("cpu")),
        "processors": os.cpu_count(),
        "precision": choose_precision(device),
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
