"""Installation by make: real pip, indexes of this machine, and a PyTorch of a few bytes."""

from __future__ import annotations

import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pip
import pytest
from checkouts import ROOT, make
from wheels import write_index

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")

PROJECT = """
[build-system]
requires = []
build-backend = "wheels"
backend-path = ["."]

[project]
name = "dlcvlib"
version = "1"
"""
NOWHERE = "http://127.0.0.1:9/cpu"
"""An index that no server answers for."""


class Project:
    """A checkout of what the installation needs, with a .venv of its own, and two indexes.

    The index of CPU builds lacks the newest version of the ordinary one.
    """

    def __init__(self, folder: Path, server: str) -> None:
        self.root = folder / "it's a $HOME copy"
        (self.root / "book").mkdir(parents=True)
        for name in ("Makefile", "book/install.py", "book/commands.py"):
            shutil.copy(ROOT / name, self.root / name)
        self.require("torch>=2.11", "torchvision>=0.26")
        (self.root / "pyproject.toml").write_text(PROJECT)
        shutil.copy(ROOT / "tests" / "wheels.py", self.root)
        venv.create(self.root / ".venv", symlinks=True, with_pip=False)
        packages = next((self.root / ".venv" / "lib").glob("python*")) / "site-packages"
        (packages / "pip").symlink_to(Path(pip.__file__).parent)
        self.packages = packages
        self.ordinary = write_index(folder / "ordinary", ("2.14.1", "0.29.1"), ("2.15.0", "0.30.0"))
        self.cpu, self.cpu_folder = f"{server}/cpu", folder / "cpu"
        write_index(self.cpu_folder, ("2.14.1", "0.29.1"), build="+cpu")

    def require(self, *requirements: str) -> None:
        (self.root / "requirements.txt").write_text("\n".join(requirements) + "\n")

    def install(self, *settings: str, index: str = "") -> subprocess.CompletedProcess[str]:
        """Run make until the stamp is there."""
        return make(self.root, ".venv/.installed", f"TORCH_INDEX={index or self.cpu}", *settings, **self.surroundings())

    def surroundings(self) -> dict[str, str]:
        settings = {name: "" for name in os.environ if name.startswith("PIP_")}
        return settings | {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": self.ordinary, "PIP_NO_CACHE_DIR": "1"}

    @property
    def installed(self) -> set[str]:
        return {file.name.removesuffix(".dist-info") for file in self.packages.glob("torch*.dist-info")}

    @property
    def stamped(self) -> bool:
        return (self.root / ".venv" / ".installed").exists()


class Files(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, without a line for each request."""

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever).start()
        yield Project(tmp_path, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


CPU = {"torch-2.14.1+cpu", "torchvision-0.29.1+cpu"}
CUDA = {"torch-2.15.0", "torchvision-0.30.0"}


def test_torch_and_torchvision_are_of_the_build_that_was_asked_for_and_later_installations_keep_it(
    project: Project,
) -> None:
    done = project.install("TORCH=cpu")
    assert done.returncode == 0 and project.stamped, done.stderr
    assert project.installed == CPU and "index" not in done.stdout
    project.require("torch>=2.11", "torchvision>=0.26", "# changed")
    done = project.install("TORCH=cpu", index=NOWHERE)
    assert done.returncode == 0 and NOWHERE not in done.stdout
    assert project.installed == CPU, "what fits is not touched, whatever index there is"
    write_index(project.cpu_folder, ("2.14.3", "0.29.3"), build="+cpu")
    project.require("torch>=2.14.3", "torchvision>=0.26")
    assert project.install().returncode == 0, "without the setting, too"
    assert project.installed == {"torch-2.14.3+cpu", "torchvision-0.29.3+cpu"}


def test_without_the_index_of_cpu_builds_the_ordinary_one_is_used_and_said(project: Project) -> None:
    done = project.install("TORCH=cpu", index=NOWHERE)
    assert done.returncode == 0 and project.stamped, done.stderr
    assert project.installed == CUDA
    (line,) = [line for line in done.stdout.splitlines() if NOWHERE in line]
    assert "the ordinary index is used" in line and not done.stderr
    (project.root / ".venv" / ".installed").unlink()
    done = project.install("TORCH=cpu")
    assert done.returncode == 0 and project.installed == CUDA, "no half of what is there is replaced"
    assert "torch 2.15.0, made for CUDA 13.0, is there and stays" in done.stdout


def test_versions_that_the_index_of_cpu_builds_lacks_come_from_the_ordinary_one(project: Project) -> None:
    project.require("torch>=2.15", "torchvision>=0.26")
    done = project.install("TORCH=cpu")
    assert done.returncode == 0 and project.installed == CUDA and "the ordinary index is used" in done.stdout


@pytest.mark.parametrize(("settings", "expected"), [((), CUDA), (("TORCH=cpu",), CPU)])
def test_half_a_pair_that_an_interruption_left_is_not_completed_by_another_build(
    project: Project, settings: tuple[str, ...], expected: set[str]
) -> None:
    other = project.ordinary if expected == CPU else project.cpu
    command = [sys.executable, "-m", "pip", "install", "-qq", "--target", str(project.packages), "torch==2.14.1"]
    environment = os.environ | project.surroundings()
    subprocess.run([*command, "--no-deps", "--index-url", other], check=True, env=environment)
    assert len(project.installed) == 1
    assert project.install(*settings).returncode == 0
    assert project.installed == expected


def test_an_interruption_leaves_no_stamp_and_no_traceback(project: Project) -> None:
    (project.packages / "pip").unlink()
    (project.packages / "pip.py").write_text(
        "import sys, time\n"
        "if 'install' in sys.argv:\n"
        "    try: print('installing', flush=True); time.sleep(60)\n"
        "    except KeyboardInterrupt: sys.exit(1)\n"
    )
    with subprocess.Popen(
        ["make", ".venv/.installed", "TORCH=cpu"],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
    ) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if line == "installing\n")
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=300)
    assert process.returncode and not project.stamped
    assert "Traceback" not in said


def test_another_build_is_refused_by_name(project: Project) -> None:
    done = project.install("TORCH=gpu")
    assert done.returncode and "gpu" in done.stderr and not project.installed and not project.stamped
