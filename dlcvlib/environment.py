"""What this machine has and lacks for the book: `dlcv check`.

Only the standard library is imported up here, and everything else inside the check that needs it: one package that is
missing or broken costs that check alone.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

PYTHON = (3, 11)
GIGABYTE = 2**30
DISK = (1, 10)
"""Gigabytes that the toy world with its records needs, and the course's data, unpacked and decoded."""
MEMORY = (2, 6)
"""Gigabytes in which the toy world trains, and the reports' own networks."""
FOR_CHAPTERS = ("jupyterlab", "jupytext", "papermill", "ipykernel", "ipywidgets", "anywidget", "plotly", "snakemake")
INSTALL = "pip install -r requirements.txt -e ."
NEW_PAIR = "pip uninstall --yes torch torchvision && pip install torchvision, which brings the torch it was built with"
WEIGHTS = "put files such as resnet50.safetensors into a folder and name it in DLCV_WEIGHTS, or let them be downloaded"

Status = Literal["OK", "FAIL", "--"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Status
    """`FAIL` where nothing goes without it; `--` where something goes otherwise."""
    found: str
    cure: str = ""

    def __str__(self) -> str:
        cure = f"; {self.cure}" if self.cure and self.status != "OK" else ""
        return f"{f'[{self.status}]':<6} {self.name}: {self.found}{cure}"


def check(data_root: str | Path | None = None) -> list[Check]:
    """Look at everything, and change nothing.

    Args:
        data_root: folder of the course data; None looks in `$DLCV_DATA`, then in `data/`.
    """
    looks = LOOKS | {"data": partial(_data, root=data_root)}
    return [_guarded(name, look) for name, look in looks.items()]


def gpu_needed() -> Check:
    """Look for a GPU alone; none is a failure."""
    found = _guarded("GPU", _device)
    return found if found.status == "OK" else replace(found, status="FAIL")


def _guarded(name: str, look: Callable[[str], Check]) -> Check:
    """A check that cannot be made says why, and the others go on."""
    try:
        return look(name)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        return Check(name, "FAIL", f"could not be looked at ({reason})", INSTALL)


def _python(name: str) -> Check:
    wanted = ".".join(map(str, PYTHON))
    status: Status = "OK" if sys.version_info >= PYTHON else "FAIL"
    return Check(name, status, platform.python_version(), f"install Python {wanted} or newer: make PYTHON=python3.12")


def _pair(name: str) -> Check:
    """A torchvision built for another torch imports with an error, or lacks its operators."""
    try:
        import torch
        import torchvision

        torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except ImportError as error:
        return Check(name, "FAIL", str(error).partition("\n")[0], INSTALL)
    except (RuntimeError, AttributeError) as error:
        reason = str(error).partition("\n")[0]
        found = ", ".join(f"{package} {_version(package)}" for package in ("torch", "torchvision"))
        return Check(name, "FAIL", f"{found} are not of one build ({reason})", NEW_PAIR)
    return Check(name, "OK", f"torch {torch.__version__}, torchvision {torchvision.__version__}, of one build")


def _packages(name: str) -> Check:
    """The library's requirements, chapters apart: there, and new enough."""
    from packaging.requirements import Requirement

    faults = []
    asked = [Requirement(line) for line in importlib.metadata.requires("dlcvlib") or []]
    needed = [one for one in asked if one.marker is None and one.name not in FOR_CHAPTERS]
    for one in needed:
        version = _version(one.name)
        if version is None:
            faults.append(f"{one.name} is missing")
        elif not one.specifier.contains(version, prereleases=True):
            faults.append(f"{one.name} {version} is not {one.specifier}")
    return Check(name, "FAIL" if faults else "OK", ", ".join(faults) or f"all {len(needed)} are there", INSTALL)


def _chapters(name: str) -> Check:
    missing = [package for package in FOR_CHAPTERS if _version(package) is None]
    if missing:
        return Check(name, "--", f"{', '.join(missing)} missing: no book, no JupyterLab", INSTALL)
    return Check(name, "OK", f"jupyterlab {_version('jupyterlab')} and {len(FOR_CHAPTERS) - 1} others")


def _device(name: str) -> Check:
    import torch

    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        return Check(name, "OK", f"{card.name}, {card.total_memory / GIGABYTE:.0f} GB")
    cores = f"no GPU, {os.cpu_count()} processor cores"
    if shutil.which("nvidia-smi"):
        cure = "nvidia-smi is there but torch sees no GPU: mend the driver, or install a torch built for CUDA"
    else:
        cure = "the profiles smoke, quick and hour need none"
    return Check(name, "--", cores, cure)


def _disk(name: str) -> Check:
    from dlcvlib import paths

    folder = paths.cache_home()
    while not folder.is_dir():
        folder = folder.parent
    return _amount(name, shutil.disk_usage(folder).free, f"free for {_short(paths.cache_home())}", DISK, "make room")


def _memory(name: str) -> Check:
    if not hasattr(os, "sysconf"):  # Windows
        return Check(name, "--", "not known", "look at it in the task manager")
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")  # of the container, if one sets it
    if limit.is_file() and (text := limit.read_text().strip()).isdigit():
        total = min(total, int(text))
    return _amount(name, total, "in all", MEMORY, "close other programs, or take a larger machine")


def _amount(name: str, found: int, words: str, needed: tuple[int, int], cure: str) -> Check:
    toy, course = needed
    status: Status = "FAIL" if found < toy * GIGABYTE else "--" if found < course * GIGABYTE else "OK"
    return Check(name, status, f"{found / GIGABYTE:.0f} GB {words}", f"{cure}: {course} GB are good to have")


def _data(name: str, root: str | Path | None = None) -> Check:
    from dlcvlib import paths
    from dlcvlib.data import DataError
    from dlcvlib.data.editions import scan

    named = root or os.environ.get("DLCV_DATA")
    try:
        found = scan(named or paths.data_home())  # not `find`, which would draw the toy world
    except DataError as error:
        if named:
            return Check(name, "FAIL", str(error), "name another folder, in DLCV_DATA say")
        return Check(
            name,
            "--",
            "none of the course, so the toy world is drawn on first use",
            f"put the course's into {_short(paths.data_home())}, or name their folder in DLCV_DATA",
        )
    sets = ", ".join(
        f"{title} {' + '.join(f'{len(part.files):,}' for part in (one.train, one.val) if part is not None)}"
        for title, one in found.sets.items()
    )
    if found.problems:
        reason = f"{_short(found.root)}: {len(found.problems):,} problems, the first: {found.problems[0].reason}"
        return Check(name, "FAIL", reason, "`dlcv data check` lists them")
    return Check(name, "OK", f"{_short(found.root)}: {sets}")


def _weights(name: str) -> Check:
    from dlcvlib.models.loading import SUFFIXES

    named = os.environ.get("DLCV_WEIGHTS")
    if not named:
        return Check(name, "--", "DLCV_WEIGHTS names no folder", WEIGHTS)
    folder = Path(named).expanduser()
    if not folder.is_dir():
        return Check(name, "FAIL", f"DLCV_WEIGHTS names {folder}, which is no folder", "mend or unset it")
    found = {network: file.name for network in _networks() if (file := _file_for(network, folder))}
    others = [file.name for file in folder.iterdir() if file.suffix in SUFFIXES and file.name not in found.values()]
    words = ", ".join(f"{network} ({file})" for network, file in found.items()) or "none for a network of ours"
    if others:
        words += f"; not known: {', '.join(sorted(others))}"
    return Check(name, "OK" if found else "--", f"{_short(folder)}: {words}", WEIGHTS)


def _networks() -> list[str]:
    """Names under which weights are looked for in the folder, and the course's own file."""
    from dlcvlib.models.registry import FAMILIES
    from dlcvlib.sam import PUBLISHED
    from dlcvlib.training.start import COURSE_BACKBONE

    published = [name for name, family in FAMILIES.items() if family.published is not None]
    dino = [f"dino_{name}" for name, family in FAMILIES.items() if family.dino is not None]
    return [*published, *dino, *(f"sam_{model_type}" for model_type in PUBLISHED), Path(COURSE_BACKBONE).stem]


def _file_for(network: str, folder: Path) -> Path | None:
    from dlcvlib.models import find_weights

    return find_weights(network, folder)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _short(path: Path) -> str:
    """Relative to the folder that data and records lie in, where it is inside."""
    from dlcvlib import paths

    path = path.resolve()
    return str(path.relative_to(paths.home())) if path.is_relative_to(paths.home()) else str(path)


LOOKS: dict[str, Callable[[str], Check]] = {
    "Python": _python,
    "torch and torchvision": _pair,
    "packages of the library": _packages,
    "packages of the chapters": _chapters,
    "GPU": _device,
    "disk": _disk,
    "memory": _memory,
    "data": _data,
    "weights": _weights,
}


def add_arguments(subparsers: Subparsers) -> None:
    """Add `check`, which sets `run`, a function of the parsed arguments that returns the exit status."""
    parser = subparsers.add_parser("check", help="report what this machine has and lacks, with the cure")
    parser.add_argument("--gpu", action="store_true", help="look for a GPU only, and fail where torch sees none")
    parser.set_defaults(run=lambda asked: report([gpu_needed()] if asked.gpu else check()))


def report(found: Sequence[Check]) -> int:
    """Print a line each; the exit status is 1 if one fails."""
    print("\n".join(map(str, found)))
    return 1 if any(one.status == "FAIL" for one in found) else 0
