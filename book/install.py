"""Install the requirements and the library into the environment that runs this (the first step of every make target).

    python -m book.install --torch cpu --index URL

PyTorch is published in several builds. On Linux, the one of the ordinary index is made for CUDA and brings 3 GB of
NVIDIA's libraries; an index of PyTorch's own has one without. torch and torchvision must be of one build, so they are
installed first and in one call, and later installations keep the build that is there. Needs only the standard library.
"""

from __future__ import annotations

import argparse
import http.client
import importlib
import importlib.metadata
import runpy
import subprocess
import sys
import urllib.error
import urllib.request

from book.commands import ROOT

PAIR = ("torch", "torchvision")
OF_OUR_VERSIONS = ("-c", "requirements.txt", *PAIR)
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq")
PATIENCE = 15.0
"""Seconds until an index that does not answer is given up; pip would wait as long for each of a dozen packages."""


def install(build: str, index: str) -> None:
    """Install what requirements.txt and pyproject.toml name; what is there and fits stays.

    Args:
        build: "cpu", or "" for the build that is there, else the one of the ordinary index.
        index: address of an index of CPU builds.

    Raises:
        SystemExit: pip failed; it has printed why.
    """
    remove_half_a_pair()
    if version("torch") and not pip("install", "--no-index", "--no-deps", *OF_OUR_VERSIONS, needed=False):
        if build == "cpu" and (cuda := cuda_of_torch()):
            print(f"torch {version('torch')}, made for CUDA {cuda}, is there and stays; without .venv TORCH=cpu counts")
    elif build == "cpu" or version("torch").endswith("+cpu"):
        install_pair(index)
    pip("install", "-r", "requirements.txt")
    pip("install", "-e", ".[test]")


def install_pair(index: str) -> None:
    """Install torch and torchvision from an index of their own, or say that it cannot be used."""
    if not answers(index) or pip("install", "--index-url", index, *OF_OUR_VERSIONS, needed=False):
        remove_half_a_pair()
        print(f"{index} is out of reach or lacks the versions asked for; the ordinary index is used", flush=True)


def answers(index: str) -> bool:
    """Return True if a server answers for an index, be it with an error."""
    try:
        urllib.request.urlopen(f"{index}/torch/", timeout=PATIENCE).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, http.client.HTTPException):
        return False
    return True


def remove_half_a_pair() -> None:
    """Remove torch without torchvision, left by an interruption: the other one might become one of another build."""
    if sum(bool(version(package)) for package in PAIR) == 1:
        pip("uninstall", "--yes", *PAIR)


def pip(*arguments: str, needed: bool = True) -> int:
    """Run pip in the checkout; return its exit status, which is 0 if it is needed."""
    process = subprocess.Popen([*PIP, *arguments], cwd=ROOT, stderr=None if needed else subprocess.DEVNULL)
    try:
        status = process.wait()
    except KeyboardInterrupt:  # Ctrl-C reached pip too, which ends by itself
        process.wait()
        raise
    if status and needed:
        raise SystemExit(status)
    return status


def version(package: str) -> str:
    """Return an installed version, which may end with its build: "2.14.1+cpu"; "" if there is none."""
    importlib.invalidate_caches()
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def cuda_of_torch() -> str:
    """Return the version of CUDA that the installed torch is made for; "" if it is made without."""
    facts = importlib.metadata.distribution("torch").locate_file("torch/version.py")
    return runpy.run_path(str(facts)).get("cuda") or ""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--torch", choices=("", "cpu"), default="", help="build of PyTorch")
    parser.add_argument("--index", default="", help="address of an index of CPU builds")
    asked = parser.parse_args()
    try:
        install(asked.torch, asked.index)
    except KeyboardInterrupt:
        sys.exit(130)
