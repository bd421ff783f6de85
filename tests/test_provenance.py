"""Provenance: tables of what ran say what the records hold, not what the recipes ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dlcvlib import recipes, runs, views
from dlcvlib.runs import Run
from dlcvlib.runs.starts import start_in_words

REDUCED = "outside weights do not fit the reduced network"
TOY = {"root": "toy", "is_toy": True, "train_images": 1600, "val_images": 400}


def record(root: Path, name: str, start: dict[str, Any] | None, data: dict[str, Any] | None = None) -> Run:
    """A record of a recipe as the profile quick runs it."""
    recipe = runs.as_json(recipes.get(name).for_profile("quick").as_dict())
    run = Run(root / "quick" / name / "seed0")
    info = {"recipe": recipe, "profile": "quick", "seed": 0, "start": start, "device": "a processor"}
    runs.write_info(run, info | {"precision": "bf16", "data": TOY if data is None else data})
    return run


@pytest.mark.parametrize("name", ["our_deeplabv3plus", "r2_resnet101_fcn"])
def test_random_weights_in_place_of_others_are_told_with_their_reason(tmp_path: Path, name: str) -> None:
    run = record(tmp_path, name, {"from": "random", "because": REDUCED})
    asked = views.recipes_overview([recipes.get(name)])["starts from"][0]
    told = views.runs_overview([run])["starts from"][0]
    assert told.startswith("random weights") and asked in told and REDUCED in told


def test_random_weights_that_a_recipe_asks_for_are_told_as_such(tmp_path: Path) -> None:
    run = record(tmp_path, "our_deeplabv3plus_random", {"from": "random", "because": REDUCED})
    assert views.runs_overview([run])["starts from"][0] == "random weights"


def test_a_stand_in_is_told_with_its_images_and_its_reason(tmp_path: Path) -> None:
    title = "resnet50, pre-trained with labels on Mini-ImageNet"
    start = {"from": "record", "title": title, "record": "quick/mini/seed0", "because": REDUCED}
    told = views.runs_overview([record(tmp_path, "r1_resnet50", start)])["starts from"][0]
    assert "own pre-training" in told and "the toy Mini-ImageNet" in told and f"stand-in: {REDUCED}" in told


def test_a_pretraining_that_the_recipe_asks_for_is_no_stand_in() -> None:
    start = {"from": "record", "title": "BYOL (ours)", "record": "full/our_byol/seed3"}
    info = {"recipe": {"start": "ssl"}, "start": start | {"because": "the recipe asks for it"}, "data": {}}
    assert start_in_words(info) == "own pre-training: BYOL (ours), seed 3"
    assert "on the toy world" in start_in_words(info | {"data": TOY})


def test_outside_weights_are_told_with_their_file() -> None:
    info = {"recipe": {"start": "imagenet"}, "start": {"from": "folder", "title": "mobilenet_v2.safetensors"}}
    assert "mobilenet_v2.safetensors" in start_in_words(info) and "outside weights" in start_in_words(info)


def test_a_start_that_is_not_recorded_is_not_made_up_from_the_recipe(tmp_path: Path) -> None:
    assert views.runs_overview([record(tmp_path, "our_deeplabv3plus", None)])["starts from"][0] == "not recorded"


def test_a_run_is_told_with_its_images_and_machine(tmp_path: Path) -> None:
    run = record(tmp_path, "our_byol", {"from": "random"})
    other = record(tmp_path, "r1_byol", {"from": "random"}, {"root": "toy", "is_toy": True, "stands_in_for": "hw1"})
    table = views.runs_side_by_side([run, other], ["images", "machine", "epochs"]).set_index("setting")
    assert table["our_byol"]["images"] == "1,600 for training, 400 for validation, toy world"
    assert table["r1_byol"]["images"] == "toy world in place of hw1"
    assert table["our_byol"]["machine"] == "a processor, bf16"
    assert table["our_byol"]["epochs"] == str(recipes.get("our_byol").for_profile("quick").epochs)


def test_a_setting_that_one_of_several_recipes_lacks_is_a_dash() -> None:
    table = views.recipes_overview(map(recipes.get, ("our_byol", "our_unet")))
    assert not table.eq("").any(axis=None)
    assert table["tiles"][0] == "–"


def test_the_line_of_a_run_tells_what_stood_in_for_its_start(tmp_path: Path) -> None:
    replaced = record(tmp_path / "a", "our_deeplabv3plus", {"from": "random", "because": REDUCED})
    assert f"[from random weights in place of ImageNet: {REDUCED}]" in runs.summary(replaced)
    asked = record(tmp_path / "b", "our_deeplabv3plus_random", {"from": "random", "because": REDUCED})
    assert "from" not in runs.summary(asked)


def test_random_weights_without_a_reason_are_no_silent_substitute(tmp_path: Path) -> None:
    run = record(tmp_path, "our_deeplabv3plus", {"from": "random"})
    assert "in place of ImageNet" in views.runs_overview([run])["starts from"][0]
