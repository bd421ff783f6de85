"""The benchmarks run to their end and fill a row for everything they compare; nothing here depends on how fast."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
import warm
from PIL import Image

from dlcvlib import cli, data, recipes
from dlcvlib.bench import cost, other_loops, table, workloads
from dlcvlib.bench.measuring import (
    LOADED_AHEAD,
    MEGABYTE,
    Row,
    Settings,
    Steps,
    in_own_process,
    peak_megabytes,
    peak_of,
    take_turns,
)
from dlcvlib.bench.names import WORKLOAD_NAMES
from dlcvlib.bench.workloads import WORKLOADS

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = ROOT / "tests" / "benchmarks"
NOT_ON_A_BARE_MACHINE = ("plotly", "umap", "anywidget", "ipywidgets", "IPython", "jupytext", "papermill")


@pytest.fixture
def world(toy_world: Path) -> Path:
    return toy_world


def run(script: str, world: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a benchmark on `world`, in `folder`."""
    return warm.run([str(BENCHMARKS / script), *arguments], folder, surroundings(world, folder))


def surroundings(world: Path, folder: Path, **variables: str) -> dict[str, str]:
    here = {"PYTHONPATH": str(ROOT), "DLCV_DATA": str(world), "DLCV_RUNS": str(folder / "runs")}
    return os.environ | here | variables


def printed_table(process: subprocess.CompletedProcess[str]) -> dict[str, list[float]]:
    """The numbers of each row that a benchmark printed, by the row's name; a row has at least two."""
    assert process.returncode == 0, process.stderr
    rows = re.findall(r"^(\S.*?)((?: {2,}[\d.,]+[x%]?){2,})", process.stdout, re.MULTILINE)
    return {name: [float(re.sub("[,x%]", "", number)) for number in numbers.split()] for name, numbers in rows}


def test_the_loading_benchmark_compares_first_and_later_epochs(world: Path, tmp_path: Path) -> None:
    rows = printed_table(run("bench_loading.py", world, tmp_path, "--quick"))
    assert list(rows) == ["ImageFolder, 0 workers", "ImageFolder, 2 workers", "decode once"]
    for first, first_ratio, later, later_ratio, *_ in rows.values():
        assert min(first, first_ratio, later, later_ratio) > 0


def test_the_benchmark_of_the_book_times_a_chapter(world: Path, tmp_path: Path) -> None:
    arguments = ("--chapter", "11_cross_entropy_gradient", "--counts", "1")
    rows = printed_table(run("bench_book.py", world, tmp_path, *arguments))
    assert list(rows) == ["1 chapters"] and rows["1 chapters"][0] > 0


def test_the_benchmark_of_the_book_times_so_many_copies(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import bench_book

    books: list[list[str]] = []
    monkeypatch.setattr(bench_book, "seconds_of_book", lambda chapters, *_: count(chapters))
    monkeypatch.setattr(sys, "argv", ["bench_book.py", "--counts", "1", "2"])

    def count(chapters: Path) -> float:
        books.append(sorted(file.stem for file in chapters.glob("*.py")))
        return 3.0 * len(books[-1])

    bench_book.main()
    assert books == [["01_copy"], ["01_copy"], ["01_copy", "02_copy"]], "the first is not timed"
    rows = printed_table(subprocess.CompletedProcess([], 0, capsys.readouterr().out))
    assert rows == {"1 chapters": [3, 3, 1], "2 chapters": [6, 3, 1]}


def test_the_benchmark_of_the_mean_iou_scores_the_same_maps_both_ways(world: Path, tmp_path: Path) -> None:
    rows = printed_table(run("bench_course_iou.py", world, tmp_path, "--quick", "--rounds", "1"))
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


TINY = ("--sizes", "tiny", "--device", "cpu", "--workers", "0")


def bench(world: Path, folder: Path, *arguments: str, **variables: str) -> tuple[str, dict[str, Any]]:
    """What `dlcv bench` printed on `world`, and what it kept."""
    report = folder / "report.json"
    command = [sys.executable, "-m", "dlcvlib", "bench", *TINY, "--json", str(report), *arguments]
    process = subprocess.run(
        command,
        env=surroundings(world, folder, **variables),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout, json.loads(report.read_text())


def settings(rounds: int, steps: int = 3) -> Settings:
    return Settings(torch.device("cpu"), "tiny", minutes=10, rounds=rounds, steps=steps, workers=(0,))


def whose(kept: dict[str, Any], workload: str) -> list[str]:
    return [row["who"] for row in kept["workloads"][workload]["rows"].values()]


def test_the_one_table_needs_neither_figures_nor_jupyter_nor_lightly(
    world: Path, tmp_path: Path, blocked: Path
) -> None:
    (blocked / "lightly.py").write_text("raise ImportError('lightly is not installed')\n")
    variables = {"DLCV_PRECISION": "fp32", "PYTHONPATH": f"{blocked}{os.pathsep}{ROOT}"}
    printed, kept = bench(world, tmp_path, "--quick", **variables)
    assert list(kept["workloads"]) == ["classification", "byol", "dino", "segmentation"]
    for name, workload in kept["workloads"].items():
        others = ["plain", "torchvision"] if name == "segmentation" else ["plain"]
        assert whose(kept, name) == ["floor", "resident", "ours", "choice", "choice", *others]
        floor, *_ = workload["rows"].values()
        assert floor["of_its_floor"] == 1
        assert sum(workload["shares"].values()) == pytest.approx(1)
        for row, numbers in workload["rows"].items():
            assert re.search(rf"^{re.escape(row)} +{numbers['images_per_second']:,.1f} ", printed, re.MULTILINE)
            own = next(name for name in workload["rows"] if name.startswith("floor") and "fp32" in name)
            own = own if "fp32" in row else "floor, bf16"
            speeds = [workload["rows"][name]["images_per_second"] for name in (row, own)]
            assert numbers["of_its_floor"] == pytest.approx(speeds[0] / speeds[1])
    assert kept["machine"]["versions"]["torch"] == version("torch") and kept["settings"]["sizes"] == "tiny"
    assert printed.count("pip install -e '.[bench]'") == 2
    assert printed.count("left out: peak memory (--quick)") == 4


def test_the_numbers_replace_only_what_a_benchmark_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dlcvlib.data.find", lambda _: data.CourseData(tmp_path, True, None, None, None, None))
    measured: list[object] = []
    monkeypatch.setattr(table, "measure", lambda *asked: measured.append(asked) or {})
    file = tmp_path / "mine.json"
    file.write_text("by hand")
    command = ["bench", "--device", "cpu", "--json", str(file)]
    assert cli.main(command) == 2 and not measured, "known before anything is measured"
    assert file.read_text() == "by hand" and "--replace" in capsys.readouterr().err
    assert cli.main([*command, "--replace"]) == 0 and json.loads(file.read_text())["workloads"] == {}
    assert cli.main([*command, "--steps", "7"]) == 0 and json.loads(file.read_text())["settings"]["steps"] == 7
    assert cli.main(["bench", "--device", "cpu", "--json", str(tmp_path)]) == 2 and len(measured) == 2


def test_pretrainings_are_compared_with_lightly_in_both_precisions(world: Path, tmp_path: Path) -> None:
    pytest.importorskip("lightly")
    _, kept = bench(world, tmp_path, "--quick", "--workloads", "byol", "dino", DLCV_PRECISION="bf16")
    for workload in kept["workloads"].values():
        assert [name for name in workload["rows"] if "lightly" in name] == [
            "lightly, fp32, 0 workers",
            "lightly, bf16, 0 workers",
        ]


def test_every_row_has_its_peak_memory(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path))
    monkeypatch.setattr(table, "in_own_process", lambda function, open_loop: 123.0)
    found = table.measure(settings(rounds=1, steps=1), ["classification"], world)["classification"]
    assert {row["peak_megabytes"] for row in found["rows"].values()} == {123.0} and found["left_out"] == []


def test_peak_memory_is_that_of_a_process_of_its_own() -> None:
    held = torch.ones(256 * MEGABYTE // 4)
    little = in_own_process(peak_of, partial(holding, 1))
    much = in_own_process(peak_of, partial(holding, 400))
    assert 300 < much - little < 500 and peak_megabytes() > held.nbytes / MEGABYTE


def holding(megabytes: int) -> Steps:
    block = torch.ones(megabytes * MEGABYTE // 4)
    while True:
        block += 1
        yield


def test_the_command_line_knows_every_workload() -> None:
    assert tuple(WORKLOADS) == WORKLOAD_NAMES


def test_a_card_that_is_not_there_is_an_error_that_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert cli.main(["bench", "--device", "cuda"]) == 2
    assert "torch sees no GPU here" in capsys.readouterr().err


class Loop:
    """A row that only counts."""

    def __init__(self) -> None:
        self.opened = self.closed = self.steps = 0

    def __call__(self) -> Iterator[None]:
        self.opened += 1
        try:
            while True:
                self.steps += 1
                yield
        finally:
            self.closed += 1


def test_rows_take_turns_and_only_workers_are_sent_home_in_between() -> None:
    ours, plain = Loop(), Loop()
    rows = {"ours": Row("ours", ours), "plain": Row("plain", plain, 2)}
    speeds, _, left_out = take_turns(rows, settings(rounds=2), 2, time.monotonic() + 600)
    assert {name: len(speeds) for name, speeds in speeds.items()} == {"ours": 2, "plain": 2}
    assert left_out == []
    assert (ours.opened, ours.closed) == (1, 1) and (plain.opened, plain.closed) == (2, 2)
    assert plain.steps == 2 * (2 * LOADED_AHEAD + 3)  # what was loaded ahead is not timed


def test_what_there_is_no_time_for_is_named() -> None:
    rows = {name: Row("ours", Loop()) for name in ("first", "second")}
    speeds, _, left_out = take_turns(rows, settings(rounds=3), 2, time.monotonic() - 1)
    assert list(speeds) == ["first"] and len(speeds["first"]) == 1
    assert left_out == ["'first' in round 1: 2 of 3 steps", "'second'", "2 of 3 rounds"]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_floor_computes_the_loss_that_a_step_learns_from(
    workload: str, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path))
    recipe = WORKLOADS[workload].sized("tiny")
    images = workloads.images_of(recipe, world)

    def loss(of: Callable[[Any], torch.Tensor]) -> torch.Tensor:
        torch.manual_seed(0)
        return of(workloads.from_random_weights(recipe, images, torch.device("cpu"), "fp32")).detach()

    ours = loss(lambda task: task.trained(*task.inputs(next(iter(task.batches())))))
    torch.testing.assert_close(loss(lambda task: task.trained(*workloads.augmented(task))), ours)


def test_a_resident_step_learns_and_the_floor_does_not(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path))
    recipe = WORKLOADS["dino"].sized("tiny")
    images = workloads.images_of(recipe, world)
    for way, learns in ((workloads.floor, False), (workloads.resident, True)):
        task = workloads.from_random_weights(recipe, images, torch.device("cpu"), "fp32")
        steps = way(task)
        next(steps)
        before = [parameter.clone() for parameter in task.trained.parameters()]
        next(steps)
        assert learns != all(map(torch.equal, before, task.trained.parameters()))


@pytest.mark.parametrize("method", ["byol", "dino"])
@pytest.mark.parametrize("size", ["cores", "tiny"])
def test_every_way_of_pretraining_sees_as_many_views_of_the_same_sizes(method: str, size: str) -> None:
    recipe: Any = WORKLOADS[method].sized(size)
    asked = [view.size for view in recipe.views for _ in range(view.count)]
    augmentations = [other_loops.view_augmentation(view) for view in recipe.views for _ in range(view.count)]
    ways: list[Any] = [partial(other_loops.draw_views, augmentations)]
    if find_spec("lightly"):
        from dlcvlib.bench import lightly_examples

        ways.append(lightly_examples.EXAMPLES[method][1](recipe.views[0], recipe.views[-1]))
    for way in ways:
        assert [tuple(view.shape) for view in way(Image.new("RGB", (84, 84)))] == [(3, side, side) for side in asked]


def test_the_reference_pads_with_what_its_loss_ignores(world: Path) -> None:
    satellite = data.find(world).satellite
    assert satellite is not None
    side = Image.open(satellite.train.files[0]).height
    crop = partial(other_loops.reference_tile_and_mask, side, 3 * side)  # larger than any image gets
    tiles = other_loops.Samples(satellite.train, crop)
    images, masks = zip(*(tiles[0] for _ in range(3)), strict=True)
    assert {image.shape for image in images} == {(3, 3 * side, 3 * side)}
    for mask in masks:
        assert mask.shape == (3 * side, 3 * side) and set(mask.unique().tolist()) <= {*range(6), other_loops.IGNORED}
        assert mask[-1, -1] == other_loops.IGNORED


def test_a_set_as_large_as_asked_repeats_the_images_there_are(tmp_path: Path) -> None:
    images = torch.arange(5 * 3 * 2 * 2, dtype=torch.uint8).view(5, 3, 2, 2)
    assert torch.equal(cost.as_many(images, 3, tmp_path), images[:3])
    assert torch.equal(cost.as_many(images, 12, tmp_path), images.repeat(3, 1, 1, 1)[:12])


def test_cost_is_measured_over_images_and_over_epochs(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path))
    recipe = WORKLOADS["byol"].sized("tiny")
    found = cost.over_sets(recipe, world, settings(rounds=1), (16, 10_000))
    assert found["sets"]["10000"]["repeated"] and len(found["sets"]["16"]["rounds"]) == 1
    peaks = cost.over_epochs(torch.device("cpu"), world, (1,))["peak_megabytes"]
    assert peaks["1"] > 50


def test_a_books_trainings_are_projected_from_measured_steps(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path))
    file = tmp_path / "records.yaml"
    file.write_text("# a book\n01_chapter:\n  - our_byol_e\n  - r1_small_cnn\n02_chapter:\n  - r1_small_cnn\n")
    names = cost.trained_by(file)
    assert names == ("our_byol", "our_byol_e", "r1_small_cnn")  # what is needed comes first, each once
    asked = settings(rounds=1, steps=1)
    found = cost.project(asked, "smoke", file, world)
    assert found["minutes"] == sum(row["minutes"] for row in found["recipes"].values()) > 0
    assert found["recipes"]["our_byol_e"]["seeds"] == recipes.seeds("our_byol_e", "smoke") > 1
    assert found["recipes"]["our_byol_e"]["images_per_second"] is None and not found["left_out"]
    late = cost.project(replace(asked, minutes=-1), "smoke", file, world)
    assert late["minutes"] == 0 and len(late["left_out"]) == 3


def test_a_list_of_recipes_that_says_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--records"):
        cost.trained_by(tmp_path / "records.yaml")
    file = tmp_path / "empty.yaml"
    file.write_text("# nothing\n")
    with pytest.raises(ValueError, match=r"empty\.yaml lists no recipe"):
        cost.trained_by(file)


def test_every_recipe_of_the_book_is_found_in_its_list() -> None:
    yaml = pytest.importorskip("yaml")
    file = ROOT / "notebooks" / "records.yaml"
    listed = {name for names in yaml.safe_load(file.read_text()).values() for name in names}
    assert listed <= set(cost.trained_by(file))


def test_every_way_of_loading_gives_the_same_images(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    from bench_loading import class_folders, ways_to_load

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
    rows = printed_table(run("bench_scrubbers.py", world, tmp_path, "--quick", "--no-lab", "--json", str(report)))
    assert [name for name in rows if "masks" not in name] == [
        "scrubber, 200 x 4, static",
        "scrubber, 400 x 5, static",
        "plotly frames, 200 x 4, static",
    ]
    kept = json.loads(report.read_text())
    for name, (median, slow, size) in rows.items():
        assert 0 < median <= slow and size > 0
        assert median == pytest.approx(kept["rows"][name]["median"], abs=0.1)
