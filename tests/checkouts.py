"""Copies of this checkout for tests, in folders whose names a careless command stumbles over."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AWKWARD = "it's a $HOME copy"
GENERATED = (
    ".git",
    ".venv",
    "__pycache__",
    ".*_cache",
    ".snakemake",
    ".hypothesis",
    ".lock",
    ".digests.json",
    "*.ipynb",
    "*.egg-info",
)
FOLDERS = {"data", "runs", "runs-gpu-check", "carry", "book/_build", "book/chapters", "notebooks/mine"}
SETTINGS = (
    "PROFILE",
    "SEED",
    "CORES",
    "GPUS",
    "OUT",
    "PYTHON",
    "PYTHONPATH",
    "MAKEFLAGS",
    "MFLAGS",
    "MAKELEVEL",
)


def copy_checkout(target: Path) -> Path:
    """Copy what git keeps of this checkout, with a .venv of its own that finds the installed packages.

    Its stamp is the newest file: make installs nothing, neither here nor where the packages lie.
    """

    def left_out(folder: str, names: list[str]) -> set[str]:
        below = {name for name in names if (Path(folder) / name).relative_to(ROOT).as_posix() in FOLDERS}
        return below | set(shutil.ignore_patterns(*GENERATED)(folder, names))

    shutil.copytree(ROOT, target, ignore=left_out)
    (target / "data").mkdir()
    own = target / ".venv"
    venv.create(own, symlinks=True, with_pip=False)
    packages = next((own / "lib").glob("python*")) / "site-packages"
    (packages / "installed.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    for stamp in (".installed", ".compared"):
        (own / stamp).touch()
    return target


def stand_in_python(checkout: Path) -> Path:
    """Put a program in the place of .venv/bin/python that notes, a line each, its arguments and $DLCV_DATA.

    Returns:
        the file that it writes.
    """
    python, told = checkout / ".venv" / "bin" / "python", checkout / "told.txt"
    python.unlink()
    noting = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ.get('DLCV_DATA', '')]))"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c "{noting}" "$@" >> told.txt\n')
    python.chmod(0o755)
    return told


def make(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make in a checkout; settings of the tests' own environment do not reach it.

    The home is a folder beside the checkout: a command that mistakes `$HOME` in a path for the variable meets no other.
    """
    home = checkout.parent / "home"
    home.mkdir(exist_ok=True)
    return subprocess.run(
        ["make", *arguments],
        cwd=checkout,
        env=surroundings() | {"HOME": str(home)} | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


def surroundings() -> dict[str, str]:
    """Return this environment without what would settle how a book is built."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DLCV_") and name not in SETTINGS}
