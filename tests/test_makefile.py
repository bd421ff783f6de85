"""The Makefile: every target bears every path, and nothing is removed that it did not write."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkouts import AWKWARD, ROOT, copy_checkout, make, stand_in_python

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")

TARGETS = (
    "book",
    "chapters",
    "test",
    "test-changed",
    "lab",
    "student",
    "bench",
    "notebooks",
    "check",
    "gpu",
    "gpu-check",
    "bands",
    "clean",
)
DATA, OUT = "../it's my $HOME data", "an $(OUT) it's"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in an awkward folder; not to be changed."""
    return copy_checkout(tmp_path_factory.mktemp("pristine") / AWKWARD)


@pytest.fixture(params=["dlcv copy", AWKWARD])
def checkout(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A checkout beside folders that its name is cut into by a command that does not quote it."""
    copied = copy_checkout(tmp_path / request.param)
    for place in (tmp_path, copied):
        for word in {*request.param.split(), "home", "copy/runs-gpu-check"}:
            (place / word).mkdir(parents=True, exist_ok=True)
            (place / word / "precious.txt").touch()
    return copied


def precious(checkout: Path) -> list[Path]:
    return sorted(checkout.parent.rglob("precious.txt"))


def test_clean_leaves_the_neighbours_and_what_no_command_wrote(checkout: Path) -> None:
    mine = [
        checkout / name
        for name in (
            "notebooks/mine.ipynb",
            "book/chapters/mine.ipynb",
            "book/chapters/logs/mine.txt",
            "book/_build/html/mine.html",
            "book/_build/mine/page.html",
            "runs-gpu-check/mine.txt",
            "runs/quick/run.json",
            "data/set/a.png",
        )
    ]
    for file in mine:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("mine")
    (checkout / ".ruff_cache").mkdir()
    before = precious(checkout)
    done = make(checkout, "clean")
    assert done.returncode == 0, done.stderr
    assert precious(checkout) == before and len(before) > 3
    assert all(file.read_text() == "mine" for file in mine)
    assert not (checkout / ".ruff_cache").exists()
    told = [line for line in done.stdout.splitlines() if line.startswith("kept ")]
    assert len(told) == 6 and all("not " in line for line in told), told


def test_notebooks_are_written_and_cleaned_up_but_for_those_that_were_changed(checkout: Path) -> None:
    before = precious(checkout)
    for chapter in sorted((checkout / "notebooks").glob("*.py"))[3:]:
        chapter.unlink()
    done = make(checkout, "notebooks")
    assert done.returncode == 0, done.stderr
    first, *others = written = sorted((checkout / "notebooks").glob("*.ipynb"))
    assert len(written) == 3
    first.write_text(first.read_text() + "\n")
    done = make(checkout, "clean")
    assert done.returncode == 0 and f"{first.name}: changed since" in done.stdout, done
    assert first.exists() and not any(notebook.exists() for notebook in others)
    assert precious(checkout) == before


def test_clean_works_without_any_installed_package(pristine: Path, tmp_path: Path) -> None:
    copied = tmp_path / "without venv"
    shutil.copytree(pristine, copied, ignore=shutil.ignore_patterns(".venv"))
    (copied / "notebooks" / "mine.ipynb").touch()
    bare = tmp_path / "python it's"
    bare.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -S "$@"\n')
    bare.chmod(0o755)
    done = make(copied, "clean", f"PYTHON={bare}")
    assert done.returncode == 0 and "mine.ipynb: not written by make" in done.stdout, done
    old = make(copied, "clean", "PYTHON=false")
    assert old.returncode != 0 and "3.11" in old.stderr


@pytest.mark.parametrize("given", ["command line", "environment"])
@pytest.mark.parametrize("target", TARGETS)
def test_every_target_hands_on_its_settings_as_they_were_given(
    target: str, given: str, pristine: Path, tmp_path: Path
) -> None:
    copied = tmp_path / AWKWARD
    shutil.copytree(pristine, copied, symlinks=True)
    told = stand_in_python(copied)
    settings = {"DLCV_DATA": DATA, "OUT": OUT, "CORES": "3"}
    if given == "environment":
        done = make(copied, target, **settings)
    else:
        done = make(copied, target, *(f"{name}={value}" for name, value in settings.items()))
    assert done.returncode == 0, done.stdout + done.stderr
    calls = [json.loads(line) for line in told.read_text().splitlines()]
    assert calls and {data for _, data in calls} == {DATA}
    last = calls[-1][0]
    if target in ("book", "chapters"):
        assert last[last.index("--out") + 1] == OUT and last[last.index("--cores") + 1] == "3"
    assert not any("pip" in arguments for arguments, _ in calls), "nothing is installed"


@pytest.mark.parametrize("target", TARGETS)
def test_no_target_names_the_checkout_by_its_whole_path(target: str, pristine: Path) -> None:
    said = make(pristine, "--dry-run", target)
    assert said.returncode == 0 and said.stdout, said.stderr
    assert str(pristine) not in said.stdout and "rm -rf" not in said.stdout


def test_what_clean_needs_is_the_standard_library() -> None:
    done = subprocess.run([sys.executable, "-S", "-c", "import book.clean"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
