"""Changes to a recipe take effect after the profile, merge nested settings and are refused when they make no sense."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from training_worlds import write_classification, write_mini_and_office, write_satellite

from dlcvlib import cli, data, recipes, runs
from dlcvlib.chapter import Chapter
from dlcvlib.data import CourseData
from dlcvlib.recipes import Optimizer, changing

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


def test_a_change_outlives_the_profile_that_sets_the_same_field() -> None:
    as_read = recipes.get("our_unet").for_profile("quick")
    changed = recipes.changed("our_unet", name="mine", profile="quick", epochs=as_read.epochs + 7)
    assert changed.for_profile("quick").epochs == as_read.epochs + 7
    assert changed.as_dict() == as_read.as_dict() | {
        "name": "mine",
        "title": changed.title,
        "epochs": as_read.epochs + 7,
    }


def test_nested_settings_are_merged() -> None:
    as_read = recipes.get("our_deeplabv3plus").for_profile("quick")
    changed = recipes.changed(
        "our_deeplabv3plus",
        name="mine",
        profile="quick",
        optimizer={"learning_rate": 1e-4},
        augmentation={"colour_jitter": {"hue": 0.1}},
    )
    assert changed.optimizer.learning_rate == 1e-4 and changed.optimizer.name == as_read.optimizer.name
    assert changed.as_dict()["augmentation"] == {**as_read.as_dict()["augmentation"], "colour_jitter": {"hue": 0.1}}
    whole = recipes.changed("our_unet", name="mine", profile="quick", optimizer=Optimizer("sgd", 0.1))
    assert whole.optimizer == Optimizer("sgd", 0.1)


def test_none_removes_an_augmentation_from_every_view() -> None:
    before = recipes.get("our_byol").for_profile("quick").as_dict()["views"]
    after = recipes.changed("our_byol", profile="quick", views={"augmentation": {"grey": None}}).as_dict()["views"]
    assert all("grey" in view["augmentation"] for view in before)
    assert not any("grey" in view["augmentation"] for view in after)
    assert [view["size"] for view in after] == [view["size"] for view in before]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epoch": 3}, "unknown setting epoch.*epochs"),
        ({"optimizer": {"lr": 1e-3}}, r"optimizer\.lr.*learning_rate"),
        ({"epochs": "thirty"}, "epochs='thirty'.*int"),
        ({"epochs": 2.5}, "epochs=2.5.*int"),
        ({"epochs": True}, "epochs=True.*int"),
        ({"start": "moon"}, "start='moon'.*random"),
        ({"optimizer": {"learning_rate": "fast"}}, "learning_rate='fast'.*float"),
        ({"augmentation": "none"}, "augmentation.*mapping"),
        ({"epochs": 3, "name": "our_unet"}, "our_unet.*choose another"),
        ({"epochs": 3, "name": "../mine"}, "name='../mine'.*folder"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_by_name(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        recipes.changed("our_unet", profile="quick", **changes)


def test_a_changed_recipe_is_refused_in_another_profile() -> None:
    changed = recipes.changed("our_unet", name="mine", profile="quick", epochs=3)
    with pytest.raises(ValueError, match=r"mine.*quick.*full"):
        changed.for_profile("full")


def test_assignments_become_nested_changes() -> None:
    assignments = [
        "epochs=30",
        "optimizer.learning_rate=1e-3",
        "optimizer.name=sgd",
        "tile=none",
        "model_options.a=(1, 2)",
    ]
    assert changing.parse(assignments) == {
        "epochs": 30,
        "optimizer": {"learning_rate": 1e-3, "name": "sgd"},
        "tile": None,
        "model_options": {"a": (1, 2)},
    }
    for wrong in ("epochs", "=3", "optimizer..name=sgd"):
        with pytest.raises(ValueError, match="must look like"):
            changing.parse([wrong])


def test_the_command_line_trains_the_change_beside_the_unchanged_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    root = str(write_classification(tmp_path / "data"))
    command = ["train", "r1_small_cnn", "--profile", "smoke", "--data", root]
    assert cli.main(command) == 0
    assert cli.main([*command, "--set", "epochs=3", "--set", "optimizer.learning_rate=0.01"]) == 0
    assert cli.main([*command, "--set", "epochs=1", "--name", "mine"]) == 0
    capsys.readouterr()
    found = {run.info["recipe"]["name"]: run for run in runs.list_runs(tmp_path / "runs")}
    changed = next(run for name, run in found.items() if name.startswith("r1_small_cnn+epochs=3"))
    assert len(changed.history) == 3 and len(found["mine"].history) == 1 and len(found["r1_small_cnn"].history) == 2
    assert changed.info["recipe"]["optimizer"]["learning_rate"] == 0.01
    assert cli.main([*command, "--set", "epoch=3"]) == 2 and "unknown setting epoch" in capsys.readouterr().err
    assert cli.main([*command, "--set", "profile=full"]) == 2 and "profile" in capsys.readouterr().err
    assert cli.main([*command, "--set", "name=other", "--set", "epochs=1"]) == 0 and "other" in capsys.readouterr().out
    assert cli.main([*command, "--name", "mine"]) == 2 and "--set" in capsys.readouterr().err


def suggestions() -> list[tuple[str, str]]:
    """The code that a chapter's last cell suggests to try next."""
    found = []
    for chapter in sorted(NOTEBOOKS.glob("[0-9]*.py")):
        last = chapter.read_text().rpartition("# %% [markdown]")[2]
        text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in last.splitlines())
        found += [(chapter.stem, code) for code in re.findall(r"```python\n(.*?)```", text, re.S)]
    return found


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> CourseData:
    folder = tmp_path_factory.mktemp("course")
    labelled = data.find(write_classification(folder / "a"))
    pretraining = data.find(write_mini_and_office(folder / "b"))
    satellite = data.find(write_satellite(folder / "c")).satellite
    return replace(pretraining, classification=labelled.classification, satellite=satellite)


@pytest.mark.parametrize(("name", "code"), suggestions())
def test_what_a_chapter_suggests_to_try_trains_something_else(
    name: str, code: str, course: CourseData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path))
    chapter = Chapter("smoke", 0, course, tmp_path)
    exec(code, {"recipes": recipes, "profile": "smoke", "chapter": chapter})
    (changed,) = runs.list_runs(tmp_path)
    (original,) = (
        known
        for known in recipes.RECIPES
        if changed.info["recipe"]["title"].startswith(recipes.get(known).title + ", changed")
    )
    unchanged = chapter.train(original)
    assert changed.info["recipe"] != unchanged.info["recipe"]
    assert changed.history["train_loss"].tolist() != unchanged.history["train_loss"].tolist()


def test_the_chapters_that_train_suggest_changes() -> None:
    assert {chapter[:2] for chapter, _ in suggestions()} >= {"02", "04", "05", "08", "09"}
