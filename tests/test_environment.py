"""`dlcv check`: one line per check, a cure for every failure, and no crash if a package is missing."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from training_worlds import write_satellite

from dlcvlib import cli, environment
from dlcvlib.course import EDITIONS, QUESTIONS

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Hide the data and weights of the machine."""
    monkeypatch.setenv("DLCV_HOME", str(tmp_path))
    for name in ("DLCV_DATA", "DLCV_WEIGHTS", "DLCV_RUNS"):
        monkeypatch.delenv(name, raising=False)


def check_named(name: str) -> environment.Check:
    return next(one for one in environment.check() if one.name == name)


def run_without(*missing: str, broken: str = "") -> subprocess.CompletedProcess[str]:
    """Run `dlcv check` with an ImportError for some packages."""
    script = f"""
import sys
for name in {missing!r}: sys.modules[name] = None
{broken}
from dlcvlib.cli import main
sys.exit(main(["check"]))
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)


def test_a_machine_on_which_these_tests_run_has_what_is_needed(capsys, tmp_path):
    assert cli.main(["check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(environment.CHECKS) and all(line.startswith(("[OK]", "[--]")) for line in lines)
    assert not list(tmp_path.iterdir()), "a check changes nothing: no toy world is drawn"


def test_without_torch_everything_else_is_still_looked_at():
    done = run_without("torch", "torchvision")
    assert done.returncode == 1 and not done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(environment.CHECKS)
    assert lines[0].startswith("[OK]   Python") and lines[1].startswith("[FAIL] torch") and "pip install" in lines[1]


def test_without_the_packages_of_the_library_nothing_crashes():
    done = run_without("torch", "numpy", "pandas", "PIL", "filelock", "packaging", "safetensors")
    assert done.returncode == 1 and not done.stderr
    assert len(done.stdout.splitlines()) == len(environment.CHECKS)


def test_a_torchvision_of_another_build_is_recognised():
    broken = """
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision": raise RuntimeError("operator torchvision::nms does not exist")
sys.meta_path.insert(0, Broken())
"""
    done = run_without(broken=broken)
    line = done.stdout.splitlines()[1]
    assert done.returncode == 1 and line.startswith("[FAIL] torch and torchvision")
    assert "not of one build" in line and "torchvision::nms" in line and "pip uninstall" in line


def test_other_commands_point_to_the_check_where_torch_cannot_be_imported():
    script = "import sys; sys.modules['torch'] = None; from dlcvlib.cli import main; sys.exit(main(['runs']))"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2 and "`dlcv check`" in done.stderr and "Traceback" not in done.stderr


def test_an_old_python_fails(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 2))
    assert check_named("Python").status == "FAIL"


def test_a_package_that_is_missing_or_too_old_is_named(monkeypatch):
    versions = {"tqdm": "0.1", "jupytext": None}
    original = importlib.metadata.version

    def version(package):
        given = versions.get(package, original(package))
        if given is None:
            raise importlib.metadata.PackageNotFoundError
        return given

    monkeypatch.setattr(importlib.metadata, "version", version)
    library, chapters = check_named("packages of the library"), check_named("packages of the chapters")
    assert library.status == "FAIL" and "tqdm 0.1 is not" in library.detail
    assert chapters.status == "--" and "jupytext missing" in chapters.detail


@pytest.mark.parametrize(("nvidia", "card", "status"), [(3, False, "--"), (3, True, "OK"), (0, False, "OK")])
def test_cuda_libraries_on_a_machine_without_a_card_are_told_with_their_size(
    tmp_path, monkeypatch, nvidia, card, status
):
    packages = tmp_path / "venv" / "lib" / "site-packages"
    for file, gigabytes in (("torch/libtorch.so", 1), ("nvidia/cublas/lib/libcublas.so", nvidia)):
        (packages / file).parent.mkdir(parents=True)
        with (packages / file).open("wb") as library:
            library.truncate(gigabytes * 2**30)  # sparse
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setattr(environment.shutil, "which", lambda _: "/usr/bin/nvidia-smi" if card else None)
    said = check_named("size of the packages")
    assert said.status == status
    assert said.detail == f"{1 + nvidia}.0 GB in venv, of which {nvidia}.0 GB are NVIDIA's libraries"
    assert ("TORCH=cpu" in str(said)) == (status == "--")


@pytest.mark.parametrize(("cuda", "words"), [("13.0", "for CUDA 13.0"), (None, "without CUDA")])
def test_the_build_of_torch_is_told(monkeypatch, cuda, words):
    monkeypatch.setattr("torch.version.cuda", cuda)
    assert check_named("torch and torchvision").detail.endswith(f"of one build, {words}")


def test_a_full_disk_fails_and_a_small_one_is_told(monkeypatch):
    usage = namedtuple("usage", "total used free")
    for free, status in ((2**20, "FAIL"), (2 * 2**30, "--"), (100 * 2**30, "OK")):
        monkeypatch.setattr(environment.shutil, "disk_usage", lambda _, free=free: usage(free, 0, free))
        assert check_named("disk").status == status


def test_data_that_are_found_are_counted_and_faulty_ones_fail(tmp_path, monkeypatch):
    assert check_named("data").status == "--"
    root = write_satellite(tmp_path / "tiles")
    monkeypatch.setenv("DLCV_DATA", str(root))
    assert check_named("data").status == "OK" and "satellite 12 + 4" in check_named("data").detail
    (root / "train" / "0003_mask.png").unlink()
    faulty = check_named("data")
    assert faulty.status == "FAIL" and "0003_mask.png" in faulty.detail and "dlcv data check" in faulty.cure
    monkeypatch.setenv("DLCV_DATA", str(tmp_path / "nowhere"))
    assert check_named("data").status == "FAIL"


def test_weights_are_found_by_the_names_that_training_looks_for(tmp_path, monkeypatch):
    assert check_named("weights").status == "--"
    folder = tmp_path / "weights"
    monkeypatch.setenv("DLCV_WEIGHTS", str(folder))
    assert check_named("weights").status == "FAIL"
    folder.mkdir()
    assert check_named("weights").status == "--"
    for name in ("resnet50_mine.pt", "dino_resnet50.pth", "pretrain_model_SL.pt", "other.safetensors"):
        (folder / name).touch()
    said = check_named("weights")
    assert said.status == "OK"
    for words in ("resnet50 (resnet50_mine.pt)", "dino_resnet50 (", "pretrain_model_SL (", "not known: other.safetens"):
        assert words in said.detail


def test_every_question_is_answered_by_a_chapter_that_has_that_name():
    chapters = {file.stem[:2]: file.stem for file in (ROOT / "notebooks").glob("[0-9][0-9]_*.py")}
    for question in QUESTIONS:
        assert chapters.get(question.chapter[:2], question.chapter) == question.chapter
        assert question.editions and set(question.editions) <= set(EDITIONS)
    about = {question.chapter for question in QUESTIONS}
    others = {"00_start_here", "01_data_tour", "13_mistakes", "14_without_a_framework"}
    assert {name for name in chapters.values() if name not in about} == others


@pytest.mark.parametrize(("there", "status", "word"), [(False, 1, "[FAIL] GPU: no GPU"), (True, 0, "[OK]   GPU: Card")])
def test_where_a_gpu_is_needed_none_is_a_failure(capsys, monkeypatch, there, status, word):
    card = namedtuple("Card", "name total_memory")("Card", 2**33)
    monkeypatch.setattr("torch.cuda.is_available", lambda: there)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda index: card)
    assert cli.main(["check", "--gpu"]) == status
    assert capsys.readouterr().out.startswith(word)
