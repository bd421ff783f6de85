"""Metric bands: a record in its band, out of it, missing; a file of bands with a mistake in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from dlcvlib import bands, cli, recipes, runs
from dlcvlib.recipes import PretrainingRecipe

ROOT = Path(__file__).resolve().parent.parent
BANDS = ROOT / "notebooks" / "bands.yaml"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home in which the toy world is said to lie; no data of the machine take part."""
    monkeypatch.setenv("DLCV_HOME", str(tmp_path))
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr("dlcvlib.data.find", lambda root: type("Course", (), {"root": tmp_path / "data"}))
    return tmp_path


def record(home: Path, recipe: str, seed: int = 0, *, profile="gpu", toy=True, status="finished", **best: float):
    run = runs.Run(runs.path_of(home / "runs", profile, recipe, seed))
    data = {"root": "toy" if toy else "hw1_data", "is_toy": toy}
    written = {"recipe": {"name": recipe}, "profile": profile, "seed": seed, "status": status, "data": data}
    runs.write_info(run, written | {"best": {"epoch": 3, **best}})


def judge(home: Path, text: str, profile: str = "gpu") -> int:
    (home / "bands.yaml").write_text(text)
    return cli.main(["runs", "--bands", str(home / "bands.yaml"), "--profile", profile])


def test_records_in_their_bands_end_with_0_and_a_line_for_each(home, capsys):
    record(home, "our_scratch", val_accuracy=0.5)
    record(home, "our_byol", knn=0.03, collapsed=0.0)
    assert judge(home, "our_scratch: {val_accuracy: [0.5, 0.6]}\nour_byol: {knn: [0, 0.1], collapsed: [0, 0]}") == 0
    first, second, third, total = capsys.readouterr().out.splitlines()
    assert first.split() == ["our_scratch", "val_accuracy", "0.5000", "[0.5,", "0.6]", "ok"]
    assert second.split()[:2] == ["our_byol", "knn"] and third.split()[:2] == ["our_byol", "collapsed"]
    assert total.startswith("3 of 3")


@pytest.mark.parametrize("value", [0.4999, 0.6001])
def test_a_record_outside_its_band_ends_with_1(home, capsys, value):
    record(home, "our_scratch", val_accuracy=value)
    assert judge(home, "our_scratch: {val_accuracy: [0.5, 0.6]}") == 1
    assert "OUT" in capsys.readouterr().out


def test_the_mean_over_the_seeds_is_judged_and_a_missing_seed_is_missing(home, capsys, monkeypatch):
    text = "our_byol_c: {val_accuracy: [0.5, 0.6]}"
    monkeypatch.setitem(recipes.SEEDS, "gpu", 3)
    record(home, "our_byol_c", 0, val_accuracy=0.4)
    record(home, "our_byol_c", 1, val_accuracy=0.6)
    assert judge(home, text) == 1
    assert "missing; 2 of 3 records" in capsys.readouterr().out
    record(home, "our_byol_c", 2, val_accuracy=0.6, status="training")
    assert judge(home, text) == 1, "a record that is not finished is missing"
    record(home, "our_byol_c", 2, val_accuracy=0.6)
    capsys.readouterr()
    assert judge(home, text) == 0
    assert "0.5333" in capsys.readouterr().out


def test_records_of_another_profile_do_not_count(home):
    record(home, "our_scratch", profile="quick", val_accuracy=0.5)
    text = "our_scratch: {val_accuracy: [0.5, 0.6]}"
    assert (judge(home, text, "gpu"), judge(home, text, "quick")) == (1, 0)


def test_records_of_other_data_are_refused(home, capsys):
    record(home, "our_scratch", toy=False, val_accuracy=0.5)
    assert judge(home, "our_scratch: {val_accuracy: [0.5, 0.6]}") == 2
    assert "made on hw1_data" in capsys.readouterr().err


def test_a_measure_that_a_record_lacks_is_named(home, capsys):
    record(home, "our_scratch", val_accuracy=0.5)
    assert judge(home, "our_scratch: {mean_iou: [0.5, 0.6]}") == 2
    assert "no measure 'mean_iou'; its best epoch has epoch, val_accuracy" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [b"", b'{"recipe"', bytes(range(256)), b"[]", b'{"status": "finished"}', b'{"status": "finished", "best": 3}'],
    ids=["empty", "cut", "garbage", "a list", "nothing in it", "no best"],
)
def test_a_damaged_record_is_a_line_and_ends_with_1(home, capsys, content):
    record(home, "our_scratch", val_accuracy=0.5)
    record(home, "our_scratch", 1, val_accuracy=0.5)
    file = runs.path_of(home / "runs", "gpu", "our_scratch", 1) / "run.json"
    file.write_bytes(content)
    assert judge(home, "our_scratch: {val_accuracy: [0.5, 0.6]}") == 1
    first, second, total = capsys.readouterr().out.splitlines()
    assert first.endswith("ok") and total.startswith("1 of 2")
    assert second.startswith(f"damaged: {file}") and "train again" in second
    assert cli.main(["runs", "--measure-bands", "--profile", "gpu"]) == 2, "bands are not measured without it"
    assert str(file) in capsys.readouterr().err


def test_a_value_that_is_no_number_is_damage(home, capsys):
    record(home, "our_scratch", val_accuracy="high")
    assert judge(home, "our_scratch: {val_accuracy: [0.5, 0.6]}") == 1
    assert "run.json is damaged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold lines like"),
        ("our_scratch", "must hold lines like"),
        ("{", "is no YAML"),
        ("our_scrach: {val_accuracy: [0, 1]}", "'our_scrach' is no recipe"),
        ("our_scratch:", "our_scratch must name its measures"),
        ("our_scratch: [0, 1]", "our_scratch must name its measures"),
        ("our_scratch: {val_accuracy: [0.6, 0.5]}", r"our_scratch: val_accuracy must be two numbers.*\[0.6, 0.5\]"),
        ("our_scratch: {val_accuracy: 0.5}", "our_scratch: val_accuracy must be two numbers"),
        ("our_scratch: {val_accuracy: [0, 0.5, 1]}", "our_scratch: val_accuracy must be two numbers"),
        ("our_scratch: {val_accuracy: [0, .nan]}", "our_scratch: val_accuracy must be two numbers"),
        ("our_scratch: {val_accuracy: [no, 1]}", "our_scratch: val_accuracy must be two numbers"),
    ],
)
def test_a_mistake_in_the_bands_is_told_with_its_file_and_entry(tmp_path, text, message):
    file = tmp_path / "bands.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=f"bands.yaml.*{message}"):
        bands.read(file)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["pipe", "folder", "bytes"])
def test_bands_that_are_no_text_are_told_by_name(home, capsys, kind):
    file = home / "bands.yaml"
    {"pipe": os.mkfifo, "folder": Path.mkdir, "bytes": lambda path: path.write_bytes(b"\xff\xfe\x9e")}[kind](file)
    assert cli.main(["runs", "--bands", str(file), "--profile", "gpu"]) == 2
    assert str(file) in capsys.readouterr().err


def test_records_lie_within_the_bands_that_are_measured_from_them(home, capsys, monkeypatch):
    monkeypatch.setitem(recipes.SEEDS, "quick", 3)
    record(home, "our_scratch", profile="quick", val_accuracy=0.5)
    record(home, "byol_without_predictor", profile="quick", probe=0.02, collapsed=1.0)
    for seed, value in enumerate((0.1, 0.2, 0.3)):
        record(home, "our_unet", seed, profile="quick", mean_iou=value)
    assert cli.main(["runs", "--measure-bands"]) == 0
    text = capsys.readouterr().out
    assert judge(home, text, "quick") == 0
    found = yaml.safe_load(text)
    assert found["our_scratch"]["val_accuracy"] == [0.35, 0.65] and found["our_unet"]["mean_iou"] == [0.0, 0.6]
    assert found["byol_without_predictor"] == {"probe": [0.0, 0.08], "collapsed": [1.0, 1.0]}


def test_the_books_bands_hold_for_every_recipe_that_a_chapter_draws_from():
    listed = yaml.safe_load((ROOT / "notebooks" / "records.yaml").read_text()).values()
    drawn = recipes.representatives((recipe for some in listed for recipe in some), "quick")
    assert {band.recipe for band in bands.read(BANDS)} >= set(drawn)
    assert all(band.high - band.low < 0.7 for band in bands.read(BANDS)), "a band that anything lies in says nothing"


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_the_gpu_trains_what_two_cores_train(name):
    recipe = recipes.get(name)
    assert recipe.for_profile("gpu") == recipe.for_profile("quick")
    assert isinstance(recipe, PretrainingRecipe) or recipes.seeds(name, "gpu") == recipes.seeds(name, "quick")
