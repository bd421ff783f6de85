"""`dlcv check`: checks of the installation, the machine, the data and the weights.

At module level only the standard library is imported, so that a missing or broken package fails its own check only.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

PYTHON = (3, 11)
GIGABYTE = 2**30
DISK = (1, 10)
"""Disk space in GB for the toy world with its records, and for the course data, unpacked and decoded."""
MEMORY = (2, 6)
"""Memory in GB to train on the toy world, and to train the networks of the reports."""
FOR_CHAPTERS = ("jupyterlab", "jupytext", "papermill", "ipykernel", "ipywidgets", "anywidget", "plotly", "snakemake")
INSTALL = "pip install -r requirements.txt -e ."
NEW_PAIR = "pip uninstall --yes torch torchvision && pip install torchvision, which installs the matching torch"
WITHOUT_CUDA = "this machine has no NVIDIA card: remove .venv, then `make book TORCH=cpu` installs torch without them"
WEIGHTS = "put files such as resnet50.safetensors into a folder and set DLCV_WEIGHTS to it, or let them be downloaded"

Status = Literal["OK", "FAIL", "--"]


@dataclass(frozen=True)
class Check:
    """Result of one check."""

    name: str
    status: Status
    """`FAIL` if it must be corrected, `--` if it is optional."""
    detail: str
    cure: str = ""

    def __str__(self) -> str:
        cure = f"; {self.cure}" if self.cure and self.status != "OK" else ""
        return f"{f'[{self.status}]':<6} {self.name}: {self.detail}{cure}"


def check(data_root: str | Path | None = None) -> list[Check]:
    """Run all checks; nothing is changed.

    Args:
        data_root: folder of the course data; None means `$DLCV_DATA`, then `data/`.
    """
    checks = CHECKS | {"data": partial(_data, root=data_root)}
    return [_guarded(name, function) for name, function in checks.items()]


def gpu_needed() -> Check:
    """Check for a GPU only; a missing one is a failure."""
    result = _guarded("GPU", _device)
    return result if result.status == "OK" else replace(result, status="FAIL")


def _guarded(name: str, function: Callable[[str], Check]) -> Check:
    """Run one check; any error becomes its result."""
    try:
        return function(name)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        return Check(name, "FAIL", f"could not be checked ({reason})", INSTALL)


def _python(name: str) -> Check:
    oldest = ".".join(map(str, PYTHON))
    status: Status = "OK" if sys.version_info >= PYTHON else "FAIL"
    return Check(name, status, platform.python_version(), f"install Python {oldest} or newer: make PYTHON=python3.12")


def _pair(name: str) -> Check:
    """Import torchvision and call one of its operators, which fails if it was built for another torch."""
    try:
        import torch
        import torchvision

        torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except ImportError as error:
        return Check(name, "FAIL", str(error).partition("\n")[0], INSTALL)
    except (RuntimeError, AttributeError) as error:
        reason = str(error).partition("\n")[0]
        versions = ", ".join(f"{package} {_version(package)}" for package in ("torch", "torchvision"))
        return Check(name, "FAIL", f"{versions} are not of one build ({reason})", NEW_PAIR)
    made_for = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
    versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}"
    return Check(name, "OK", f"{versions}, of one build, {made_for}")


def _packages(name: str) -> Check:
    """Check versions of the packages that the library requires; those of the chapters are checked separately."""
    from packaging.requirements import Requirement

    faults = []
    requirements = [Requirement(line) for line in importlib.metadata.requires("dlcvlib") or []]
    needed = [package for package in requirements if package.marker is None and package.name not in FOR_CHAPTERS]
    for package in needed:
        version = _version(package.name)
        if version is None:
            faults.append(f"{package.name} is missing")
        elif not package.specifier.contains(version, prereleases=True):
            faults.append(f"{package.name} {version} is not {package.specifier}")
    return Check(name, "FAIL" if faults else "OK", ", ".join(faults) or f"all {len(needed)} are installed", INSTALL)


def _chapters(name: str) -> Check:
    missing = [package for package in FOR_CHAPTERS if _version(package) is None]
    if missing:
        return Check(name, "--", f"{', '.join(missing)} missing: no book, no JupyterLab", INSTALL)
    return Check(name, "OK", f"jupyterlab {_version('jupyterlab')} and {len(FOR_CHAPTERS) - 1} others")


def _size(name: str) -> Check:
    """Measure the environment and NVIDIA's part of it, which is of no use without a card."""
    in_venv = sys.prefix != sys.base_prefix
    root = Path(sys.prefix if in_venv else sysconfig.get_path("purelib"))
    total = nvidia = 0
    for folder, _, files in os.walk(root):
        size = sum((Path(folder) / file).lstat().st_size for file in files)
        total += size
        nvidia += size if "nvidia" in Path(folder).relative_to(root).parts else 0
    detail = f"{total / GIGABYTE:.1f} GB in {_short(root)}, of which {nvidia / GIGABYTE:.1f} GB are NVIDIA's libraries"
    of_no_use = nvidia > GIGABYTE and not shutil.which("nvidia-smi")
    return Check(name, "--" if of_no_use else "OK", detail, WITHOUT_CUDA)


def _device(name: str) -> Check:
    import torch

    if torch.cuda.is_available():
        gpu = torch.cuda.get_device_properties(0)
        return Check(name, "OK", f"{gpu.name}, {gpu.total_memory / GIGABYTE:.0f} GB")
    cores = f"no GPU, {os.cpu_count()} processor cores"
    if shutil.which("nvidia-smi"):
        cure = "nvidia-smi is installed but torch sees no GPU: update the driver, or install a torch built for CUDA"
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
        return Check(name, "--", "not known", "see the task manager")
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")  # of the container, if one sets it
    if limit.is_file() and (text := limit.read_text().strip()).isdigit():
        total = min(total, int(text))
    return _amount(name, total, "in total", MEMORY, "close other programs, or use a larger machine")


def _amount(name: str, size: int, words: str, needed: tuple[int, int], cure: str) -> Check:
    toy, course = needed
    status: Status = "FAIL" if size < toy * GIGABYTE else "--" if size < course * GIGABYTE else "OK"
    return Check(name, status, f"{size / GIGABYTE:.0f} GB {words}", f"{cure}: {course} GB are recommended")


def _data(name: str, root: str | Path | None = None) -> Check:
    from dlcvlib import paths
    from dlcvlib.data import DataError
    from dlcvlib.data.editions import scan

    root = root or os.environ.get("DLCV_DATA")
    try:
        data = scan(root or paths.data_home())  # not `find`, which would draw the toy world
    except DataError as error:
        if root:
            return Check(name, "FAIL", str(error), "set DLCV_DATA to another folder")
        cure = f"put the course data into {_short(paths.data_home())}, or set DLCV_DATA to their folder"
        return Check(name, "--", "no course data, so the toy world is drawn on first use", cure)
    sets = ", ".join(
        f"{title} {' + '.join(f'{len(part.files):,}' for part in (image_set.train, image_set.val) if part is not None)}"
        for title, image_set in data.sets.items()
    )
    if data.problems:
        reason = f"{_short(data.root)}: {len(data.problems):,} problems, the first: {data.problems[0].reason}"
        return Check(name, "FAIL", reason, "`dlcv data check` lists them")
    return Check(name, "OK", f"{_short(data.root)}: {sets}")


def _weights(name: str) -> Check:
    from dlcvlib.models import find_weights
    from dlcvlib.models.loading import SUFFIXES

    variable = os.environ.get("DLCV_WEIGHTS")
    if not variable:
        return Check(name, "--", "DLCV_WEIGHTS is not set", WEIGHTS)
    folder = Path(variable).expanduser()
    if not folder.is_dir():
        return Check(name, "FAIL", f"DLCV_WEIGHTS is {folder}, which is not a folder", "correct or unset it")
    files = {network: file.name for network in _networks() if (file := find_weights(network, folder))}
    files |= {f"timm/{file.stem.removeprefix('timm_')}": file.name for file in folder.glob("timm_*.safetensors")}
    others = [file.name for file in folder.iterdir() if file.suffix in SUFFIXES and file.name not in files.values()]
    words = ", ".join(f"{network} ({file})" for network, file in files.items()) or "no weights for our networks"
    if others:
        words += f"; not known: {', '.join(sorted(others))}"
    return Check(name, "OK" if files else "--", f"{_short(folder)}: {words}", WEIGHTS)


def _networks() -> list[str]:
    """Names of the networks for which there are weights; each is also the stem of their file."""
    from dlcvlib.models.registry import FAMILIES
    from dlcvlib.sam import PUBLISHED
    from dlcvlib.training.start import COURSE_BACKBONE

    published = [name for name, family in FAMILIES.items() if family.published is not None]
    dino = [f"dino_{name}" for name, family in FAMILIES.items() if family.dino is not None]
    return [*published, *dino, *(f"sam_{model_type}" for model_type in PUBLISHED), Path(COURSE_BACKBONE).stem]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _short(path: Path) -> str:
    """Return `path` relative to `paths.home()` if it is inside."""
    from dlcvlib import paths

    path = path.resolve()
    return str(path.relative_to(paths.home())) if path.is_relative_to(paths.home()) else str(path)


CHECKS: dict[str, Callable[[str], Check]] = {
    "Python": _python,
    "torch and torchvision": _pair,
    "packages of the library": _packages,
    "packages of the chapters": _chapters,
    "size of the packages": _size,
    "GPU": _device,
    "disk": _disk,
    "memory": _memory,
    "data": _data,
    "weights": _weights,
}
