"""The benchmarks run to their end and fill a row for everything they compare; nothing here depends on how fast."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from argparse import Namespace
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from PIL import Image

from dlcvlib import data
from dlcvlib.data import toy

BENCHMARKS = Path(__file__).resolve().parent / "benchmarks"
NOT_ON_A_BARE_MACHINE = ("plotly", "umap", "anywidget", "ipywidgets", "IPython", "jupytext", "papermill")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.draw(tmp_path_factory.mktemp("toy") / "world", scale=0.04)


def run(script: str, world: Path, folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a benchmark on `world`, in `folder`."""
    here = {"DLCV_DATA": str(world), "DLCV_RUNS": str(folder / "runs"), "OMP_WAIT_POLICY": "passive"}
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *arguments],
        env=os.environ | here | variables,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


def table(process: subprocess.CompletedProcess[str]) -> dict[str, list[float]]:
    """The numbers of each row that a benchmark printed, by the row's name; a row has at least two."""
    assert process.returncode == 0, process.stderr
    rows = re.findall(r"^(\S.*?)((?: {2,}[\d.,]+[x%]?){2,})", process.stdout, re.MULTILINE)
    return {name: [float(re.sub("[,x%]", "", number)) for number in numbers.split()] for name, numbers in rows}


def test_the_embedding_benchmark_compares_every_method(world: Path, tmp_path: Path) -> None:
    rows = table(run("bench_embedding.py", world, tmp_path, "--quick"))
    assert list(rows) == ["separate t-SNE", "t-SNE chain", "UMAP, first call", "UMAP chain", "PCA"]
    assert all(seconds > 0 for seconds, *_ in rows.values())


def test_the_loading_benchmark_compares_first_and_later_epochs(world: Path, tmp_path: Path) -> None:
    rows = table(run("bench_loading.py", world, tmp_path, "--quick"))
    assert list(rows) == ["ImageFolder, 0 workers", "ImageFolder, 2 workers", "decode once"]
    for first, first_ratio, later, later_ratio, *_ in rows.values():
        assert min(first, first_ratio, later, later_ratio) > 0


def test_the_benchmark_of_the_mean_iou_scores_the_same_maps_both_ways(world: Path, tmp_path: Path) -> None:
    rows = table(run("bench_course_iou.py", world, tmp_path, "--quick", "--rounds", "1"))
    assert list(rows) == [f"{maps}, {way}" for maps in ("smooth", "noisy") for way in ("plain NumPy", "course_iou")]
    scores = [score for *_, score in rows.values()]
    assert scores[0] == scores[1] and scores[2] == scores[3]


@pytest.fixture
def blocked(tmp_path: Path) -> Path:
    """A folder in whose presence on the path what a bare machine lacks cannot be imported."""
    folder = tmp_path / "blocked"
    folder.mkdir()
    for name in NOT_ON_A_BARE_MACHINE:
        (folder / f"{name}.py").write_text(f"raise ImportError('{name} is not installed')\n")
    return folder


def test_the_training_benchmark_needs_neither_plotly_nor_jupyter(world: Path, tmp_path: Path, blocked: Path) -> None:
    report = tmp_path / "report.json"
    arguments = ("--model", "small_cnn", "--steps", "1", "--rounds", "1", "--json", str(report))
    variables = {"DLCV_PRECISION": "fp32", "PYTHONPATH": str(blocked)}
    rows = table(run("bench_training.py", world, tmp_path, *arguments, **variables))
    assert list(rows) == [
        "plain loop, fp32, 0 workers",
        "plain loop, fp32, 2 workers",
        "ours, fp32, channels_last",
        "step alone, bf16, contiguous",
        "step alone, bf16, channels_last",
        "step alone, fp32, contiguous",
        "step alone, fp32, channels_last",
    ]
    assert rows["step alone, fp32, channels_last"][2] == 100
    kept = json.loads(report.read_text())
    assert kept["machine"]["versions"]["torch"] == version("torch")
    assert kept["settings"]["model"] == "small_cnn" and kept["settings"]["steps"] == 1
    assert list(kept["rows"]) == list(rows)
    for name, (images_per_second, *_) in rows.items():
        assert images_per_second == pytest.approx(kept["rows"][name]["images_per_second"], abs=0.5)


def test_the_segmentation_benchmark_needs_no_figures_and_keeps_what_it_printed(
    world: Path, tmp_path: Path, blocked: Path
) -> None:
    report = tmp_path / "report.json"
    small = ["--form", "smallest", "--tile", "32", "--batch-size", "4", "--steps", "1", "--rounds", "1"]
    variables = {"DLCV_PRECISION": "fp32", "PYTHONPATH": str(blocked)}
    rows = table(
        run("bench_segmentation.py", world, tmp_path, *small, "--workers", "1", "--json", str(report), **variables)
    )
    assert list(rows) == ["plain loop, fp32, 1 workers", "ours, fp32", "step alone, fp32"]
    assert rows["step alone, fp32"][2] == 100
    kept = json.loads(report.read_text())["rows"]
    assert list(kept) == list(rows)
    for name, (tiles_per_second, _, _, megabytes) in rows.items():
        assert tiles_per_second == pytest.approx(kept[name]["tiles_per_second"], abs=0.05)
        assert megabytes > 50


def pretraining_rows(world: Path, folder: Path, **variables: str) -> dict[str, list[str]]:
    """Names of the rows that the benchmark of pre-training fills for each method, at its smallest."""
    sizes = (
        "--model small_cnn --size 32 --local-size 16 --local-views 1 --batch-size 8 --workers 0 --steps 1 --rounds 1"
    )
    report = folder / "report.json"
    process = run("bench_pretraining.py", world, folder, *sizes.split(), "--json", str(report), **variables)
    shown = table(process)
    kept = json.loads(report.read_text())
    assert kept["settings"]["size"] == 32 and kept["data"]["train_images"] >= 8
    for rows in kept["methods"].values():
        assert list(rows) == list(shown)
        assert all(row["images_per_second"] > 0 and min(row["ratio_to"].values()) > 0 for row in rows.values())
        *_, ours, floor = rows.values()
        assert floor["of_the_floor"] == 1 and ours["ratio_to"].keys() == floor["ratio_to"].keys()
    assert ("pip install -e '.[bench]'" in process.stdout) == all("lightly" not in name for name in shown)
    return {method: list(rows) for method, rows in kept["methods"].items()}


def test_the_pretraining_benchmark_does_without_lightly(world: Path, tmp_path: Path) -> None:
    (tmp_path / "lightly.py").write_text("raise ImportError('lightly is not installed')\n")
    rows = pretraining_rows(world, tmp_path, DLCV_PRECISION="fp32", PYTHONPATH=str(tmp_path))
    without_lightly = ["plain loop, fp32, 0 workers", "ours, fp32", "step alone, fp32"]
    assert rows == {"byol": without_lightly, "dino": without_lightly}


def test_the_pretraining_benchmark_compares_with_lightly_in_both_precisions(world: Path, tmp_path: Path) -> None:
    pytest.importorskip("lightly")
    rows = pretraining_rows(world, tmp_path, DLCV_PRECISION="bf16")
    assert rows["byol"] == rows["dino"]
    assert rows["byol"] == [
        "plain loop, fp32, 0 workers",
        "lightly, fp32, 0 workers",
        "lightly, bf16, 0 workers",
        "ours, bf16",
        "step alone, bf16",
    ]


@pytest.mark.parametrize("method", ["byol", "dino"])
def test_every_way_of_pretraining_sees_as_many_views_of_the_same_sizes(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from bench_pretraining import WITHOUT_LIGHTLY, recipe_of
    from plain_pytorch import ManyViews

    sizes = Namespace(model="resnet18", size=40, local_size=24, local_views=3, batch_size=2)
    recipe = recipe_of(method, sizes)
    asked = [view.size for view in recipe.views for _ in range(view.count)]
    ways = [ManyViews(recipe.views)]
    if not WITHOUT_LIGHTLY:
        from lightly_examples import views_of

        ways.append(views_of(recipe))
    for way in ways:
        assert [tuple(view.shape) for view in way(Image.new("RGB", (84, 84)))] == [(3, size, size) for size in asked]


def test_every_way_of_loading_gives_the_same_images(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    from bench_loading import ways_to_load
    from plain_pytorch import class_folders

    image_set = data.find(world).classification
    assert image_set is not None
    ways = ways_to_load(image_set, class_folders(image_set.train, tmp_path / "folders"))
    seen = {}
    for name, open_images in ways.items():
        images, labels = (torch.cat(parts) for parts in zip(*open_images(), strict=True))
        order = images.double().flatten(1).sum(1).argsort()
        seen[name] = images[order], labels[order]
    images, labels = seen.pop("decode once")
    assert len(labels) == len(image_set.train.files)
    for name, (others, other_labels) in seen.items():
        torch.testing.assert_close(others, images, msg=name)
        assert other_labels.equal(labels), name


@pytest.mark.browser
def test_the_benchmark_of_scrubbers_times_every_way_of_stepping(world: Path, tmp_path: Path) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed (.ci/run installs it)")
    report = tmp_path / "report.json"
    rows = table(run("bench_scrubbers.py", world, tmp_path, "--quick", "--no-lab", "--json", str(report)))
    assert [name for name in rows if "masks" not in name] == [
        "scrubber, 200 x 4, static",
        "scrubber, 400 x 5, static",
        "plotly frames, 200 x 4, static",
    ]
    kept = json.loads(report.read_text())
    for name, (median, slow, size) in rows.items():
        assert 0 < median <= slow and size > 0
        assert median == pytest.approx(kept["rows"][name]["median"], abs=0.1)
