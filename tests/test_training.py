"""Load-or-train: a record is finished, gone on with or begun, and an interruption changes nothing."""

import json
import math
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import warm
from training_worlds import small_recipe, write_classification

from dlcvlib import recipes, runs, views
from dlcvlib.recipes import Optimizer
from dlcvlib.training import RecordMismatchError, TrainingDivergedError, loop, train
from dlcvlib.training.tasks import Classification


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A tiny data set, with its records beside it."""
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    return write_classification(tmp_path / "data")


def files_of(run):
    """Every file of a record but the checkpoint and the times, by its path, as bytes."""
    kept = [
        file
        for file in run.path.rglob("*")
        if file.is_file() and file.name not in ("run.json", "checkpoint.pt", ".lock")
    ]
    return {str(file.relative_to(run.path)): file.read_bytes() for file in kept}


def assert_same_training(run, other):
    """Equal to the bit: history, weights, and every array of every snapshot."""
    assert (run.path / "history.csv").read_bytes() == (other.path / "history.csv").read_bytes()
    ours, theirs = run.weights(), other.weights()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert run.snapshot_epochs == other.snapshot_epochs
    for epoch in run.snapshot_epochs:
        for name, array in run.snapshot(epoch).items():
            np.testing.assert_array_equal(array, other.snapshot(epoch)[name])
    assert run.info["best"] == other.info["best"]


def test_a_training_leaves_a_whole_record(data):
    run = train(small_recipe(), profile="smoke", seed=0, data=data)
    assert run.finished and runs.load(run.path).info["recipe"]["name"] == "small"
    assert list(run.history["epoch"]) == [1, 2, 3, 4]
    assert run.snapshot_epochs == [0, 1, 2, 3, 4]
    snapshot = run.snapshot(4)
    assert snapshot["features"].shape == (24, 32) and snapshot["features"].dtype == np.float16
    assert (snapshot["predicted"] == snapshot["labels"]).mean() == pytest.approx(run.history["val_accuracy"].iloc[-1])
    assert run.info["best"]["val_accuracy"] == run.history["val_accuracy"].max()
    assert run.info["data"]["train_images"] == run.info["data"]["val_images"] == 24
    assert run.info["device"] and torch.__version__.startswith(run.info["versions"]["torch"])


def test_a_small_network_learns_the_stripes(data):
    run = train(small_recipe(epochs=12, mixup_alpha=0, cutmix_alpha=0), profile="smoke", seed=0, data=data)
    assert run.history["train_loss"].iloc[-1] < 0.8 * run.history["train_loss"].iloc[0]
    assert run.info["best"]["val_accuracy"] > 0.6


def test_a_finished_record_is_returned_without_training(data, monkeypatch):
    first = train(small_recipe(), profile="smoke", seed=0, data=data)
    before = files_of(first)
    monkeypatch.setattr(loop, "_train_epoch", lambda *_: pytest.fail("trained again"))
    again = train(small_recipe(), profile="smoke", seed=0, data=data)
    assert again == first and files_of(again) == before


@pytest.mark.parametrize("model", ["vgg13_bn", "airbench"])
def test_the_same_seed_gives_the_same_training_whatever_was_drawn_before(data, monkeypatch, tmp_path, model):
    recipe = small_recipe(model=model, model_options={}, epochs=1)
    first = train(recipe, profile="smoke", seed=0, data=data)
    torch.rand(7)
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "again"))
    assert_same_training(train(recipe, profile="smoke", seed=0, data=data), first)


def test_a_pre_trained_system_without_outside_weights_says_what_it_started_from(data, toy_world, monkeypatch, tmp_path):
    monkeypatch.setenv("DLCV_HOME", str(tmp_path / "home"))
    shutil.copytree(toy_world, tmp_path / "home" / "data" / "toy")
    recipe = small_recipe(start="pretrained", epochs=1, images_per_class=2)
    start = train(recipe, profile="smoke", seed=0, data=data).info["start"]
    assert start["from"] == "record" and "Mini" in start["title"] and start["because"]
    backbone = runs.load(Path(os.environ["DLCV_RUNS"]) / start["record"])
    assert backbone.finished and backbone.info["recipe"]["dataset"] == "mini"


def test_given_weights_are_where_a_pre_trained_system_starts(data, tmp_path):
    backbone = train(small_recipe(name="backbone", epochs=1), profile="smoke", seed=3, data=data)
    recipe = small_recipe(start="pretrained", epochs=1)
    file = backbone.path / "model.safetensors"
    run = train(recipe, profile="smoke", seed=0, data=data, weights=file)
    assert run.info["start"]["from"] == "path" and run.info["start"]["sha256"]
    np.testing.assert_array_equal(run.snapshot(0)["features"], backbone.snapshot(1)["features"])


def test_another_seed_gives_another_training(data):
    first, second = (train(small_recipe(epochs=1), profile="smoke", seed=seed, data=data) for seed in (0, 1))
    assert first.path != second.path
    assert first.history["train_loss"][0] != second.history["train_loss"][0]


KILL_POINTS = {
    "in the first epoch": (Classification, "after_step", 2),
    "in the third epoch": (Classification, "after_step", 8),
    "before the first snapshot": (runs, "write_snapshot", 1),
    "before a later snapshot": (runs, "write_snapshot", 3),
    "before a history": (runs, "write_history", 2),
    "before a checkpoint": (runs, "write_checkpoint", 3),
    "between a checkpoint and the best weights": (runs, "write_weights", 1),
    "before the record is closed": (runs, "write_info", 2),
}


@pytest.mark.parametrize("point", KILL_POINTS)
def test_an_interrupted_training_goes_on_as_if_nothing_had_been(data, monkeypatch, tmp_path, point):
    whole = train(small_recipe(), profile="smoke", seed=0, data=data)
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "interrupted"))
    place, name, calls = KILL_POINTS[point]
    original, count = getattr(place, name), iter(range(1, 1000))

    def interrupted(*arguments):
        if next(count) == calls:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(place, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(small_recipe(), profile="smoke", seed=0, data=data)
    monkeypatch.setattr(place, name, original)
    assert_same_training(train(small_recipe(), profile="smoke", seed=0, data=data), whole)


def test_a_killed_process_leaves_a_record_that_goes_on(data, monkeypatch, tmp_path):
    recipe = small_recipe(epochs=60, snapshots=5)
    killed = tmp_path / "killed"
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from training_worlds import small_recipe; import dlcvlib;"
        "dlcvlib.train(small_recipe(epochs=60, snapshots=5), profile='smoke', seed=0, data=sys.argv[2])"
    )
    process = warm.Process(
        ["-c", script, str(Path(__file__).parent), str(data)], env=os.environ | {"DLCV_RUNS": str(killed)}
    )
    history = killed / "smoke" / "small" / "seed0" / "history.csv"
    while process.poll() is None and not (history.is_file() and len(pd.read_csv(history)) >= 3):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    whole = train(recipe, profile="smoke", seed=0, data=data)
    monkeypatch.setenv("DLCV_RUNS", str(killed))
    assert_same_training(train(recipe, profile="smoke", seed=0, data=data), whole)


def test_a_loss_that_is_no_number_stops_and_names_epoch_step_and_checkpoint(data):
    recipe = small_recipe(optimizer=Optimizer("sgd", 1e30), weight_average=0.0)
    with pytest.raises(TrainingDivergedError, match=r"loss of step \d+ became .* in epoch \d+; .*checkpoint"):
        train(recipe, profile="smoke", seed=0, data=data)
    info = runs.list_runs(os.environ["DLCV_RUNS"])[0].info
    assert info["status"] == "diverged" and "epoch" in info["reason"]


def test_a_validation_loss_that_is_infinite_stops_the_training_too(data, monkeypatch):
    original = Classification.evaluate
    monkeypatch.setattr(Classification, "evaluate", lambda task: original(task) | {"val_loss": math.inf})
    with pytest.raises(TrainingDivergedError, match=r"val loss became inf in epoch 1; .*checkpoint"):
        train(small_recipe(epochs=1), profile="smoke", seed=0, data=data)
    assert runs.list_runs(os.environ["DLCV_RUNS"])[0].info["status"] == "diverged"


def test_other_settings_under_the_same_name_are_refused(data):
    run = train(small_recipe(epochs=1), profile="smoke", seed=0, data=data)
    with pytest.raises(RecordMismatchError, match=r"epochs was 1 and is now 2.*Remove"):
        train(small_recipe(epochs=2), profile="smoke", seed=0, data=data)
    assert run.finished


def test_a_record_from_before_a_setting_existed_is_still_read(data):
    run = train(small_recipe(epochs=1), profile="smoke", seed=0, data=data)
    info = run.info
    del info["recipe"]["mixing_probability"], info["recipe"]["optimizer"]["decay"]
    runs.write_info(run, info)
    assert train(small_recipe(epochs=1), profile="smoke", seed=0, data=data) == run


def test_other_data_are_refused(data, tmp_path):
    train(small_recipe(epochs=1), profile="smoke", seed=0, data=data)
    other = write_classification(tmp_path / "other", seed=1)
    with pytest.raises(RecordMismatchError, match="trained on other data"):
        train(small_recipe(epochs=1), profile="smoke", seed=0, data=other)


def test_nothing_in_a_record_needs_to_be_trusted(data):
    run = train(small_recipe(epochs=1), profile="smoke", seed=0, data=data)
    assert torch.load(run.path / "checkpoint.pt", weights_only=True)["progress"]["epoch"] == 1
    with np.load(run.path / "snapshots" / "epoch_0001.npz", allow_pickle=False) as arrays:
        assert set(arrays.files) == {"features", "labels", "indices", "predicted", "confidence"}


def test_training_leaves_the_callers_generator_alone(data):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(small_recipe(epochs=1), profile="smoke", seed=0, data=data)
    assert torch.equal(torch.rand(3), expected)


def test_a_second_process_waits_for_the_first_and_trains_nothing(data, tmp_path):
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from training_worlds import small_recipe; import dlcvlib;"
        "dlcvlib.train(small_recipe(epochs=3), profile='smoke', seed=0, data=sys.argv[2])"
    )
    processes = [warm.Process(["-c", script, str(Path(__file__).parent), str(data)]) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    (run,) = runs.list_runs(os.environ["DLCV_RUNS"])
    assert run.finished and len(run.history) == 3


def test_epochs_to_keep_hold_the_start_the_first_and_the_last():
    assert loop.snapshot_epochs(4, 30) == {0, 1, 2, 3, 4}
    kept = loop.snapshot_epochs(300, 30)
    assert {0, 1, 300} <= kept and len(kept) == 31


def test_a_result_for_the_book_holds_numbers_only(data, tmp_path):
    run = train(small_recipe(epochs=2), profile="smoke", seed=0, data=data)
    file = runs.export_result(run, tmp_path / "results")
    kept = json.loads(file.read_text())
    assert kept["best"] == run.info["best"] and len(kept["history"]["epoch"]) == 2
    assert kept["seed"] == 0 and kept["device"] and kept["timings"]["minutes"] > 0


def test_an_unfinished_record_is_no_result(data, monkeypatch, tmp_path):
    monkeypatch.setattr(loop, "_train_epoch", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train(small_recipe(), profile="smoke", seed=0, data=data)
    (run,) = runs.list_runs(os.environ["DLCV_RUNS"])
    with pytest.raises(ValueError, match="not finished"):
        runs.export_result(run, tmp_path)


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_recipe_reads_in_every_profile(name):
    for profile in recipes.PROFILES:
        recipe = recipes.get(name).for_profile(profile)
        assert recipe.epochs >= 1 and json.dumps(recipe.as_dict())
    assert views.recipes_overview([recipes.get(name)]).iloc[0]["recipe"] == name


def test_side_by_side_turns_the_overview_round():
    two = [recipes.get("r1_byol"), recipes.get("r3_dino")]
    turned = views.recipes_side_by_side(two, ["views", "epochs"])
    assert list(turned.columns) == ["setting", "r1_byol", "r3_dino"]
    assert turned.set_index("setting")["r1_byol"].to_dict() == {"views": "2 of 128 px", "epochs": "100"}


def test_an_unknown_recipe_is_told_the_nearest():
    with pytest.raises(ValueError, match=r"unknown recipe 'r4_vgg13'; did you mean 'r4_vgg13_bn'\?"):
        recipes.get("r4_vgg13")


def test_an_unknown_profile_is_told_those_there_are():
    with pytest.raises(ValueError, match="unknown profile 'fast'; known are smoke, quick, gpu, hour, full"):
        recipes.get("r4_vgg13_bn").for_profile("fast")
