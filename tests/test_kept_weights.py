"""Weights of several epochs in a record: of the network that was evaluated, in half precision, whole or not at all."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_worlds import (
    small_pretraining,
    small_recipe,
    small_segmentation,
    write_classification,
    write_mini_and_office,
    write_satellite,
)

from dlcvlib import augment, handin, models, recipes, runs, training
from dlcvlib import data as course_data
from dlcvlib.files import digests
from dlcvlib.recipes import PROFILES, Recipe
from dlcvlib.runs import DamagedRecordError, Run
from dlcvlib.training import RecordMismatchError, loop
from dlcvlib.training.tasks import task_class

World = dict[str, Path]
KINDS: dict[str, Any] = {
    "classification": small_recipe,
    "pretraining": lambda **changes: small_pretraining("byol", **changes),
    "teacher": lambda **changes: small_pretraining("dino", **changes),
    "masks": small_segmentation,
    "frozen": lambda **changes: small_recipe(
        **{"model": "resnet18", "model_options": {"width": 8}, "head": "linear", "trains": "classifier"} | changes
    ),
}


@pytest.fixture(autouse=True)
def full_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("DLCV_PRECISION", "fp32")


@pytest.fixture
def world(tmp_path: Path) -> World:
    write = {"classification": write_classification, "mini": write_mini_and_office, "satellite": write_satellite}
    return {dataset: each(tmp_path / dataset) for dataset, each in write.items()}


def trained(world: World, recipe: Recipe, seed: int = 0) -> Run:
    return training.train(recipe, profile="smoke", seed=seed, data=world[recipe.dataset])


def kept(run: Run) -> dict[str, bytes]:
    """Return the files of kept weights."""
    return {file.name: file.read_bytes() for file in (run.path / "weights").glob("*")}


# ---- which epochs


@pytest.mark.parametrize(
    ("epochs", "snapshots", "at_most", "expected"),
    [
        (8, 30, 6, [1, 2, 4, 5, 7, 8]),
        (5, 30, 6, [1, 2, 3, 4, 5]),
        (80, 4, 3, [1, 54, 80]),
        (9, 30, 2, [1, 9]),
        (3, 2, 0, []),
        (7, 0, 3, []),
    ],
)
def test_kept_epochs_are_spread_over_those_with_a_snapshot(
    epochs: int, snapshots: int, at_most: int, expected: list[int]
) -> None:
    shown = loop.snapshot_epochs(epochs, snapshots)
    assert sorted(loop.weight_epochs(shown, at_most)) == expected


def test_a_negative_number_is_refused(world: World) -> None:
    for kind in ("classification", "frozen"):
        with pytest.raises(ValueError, match="kept_weights=-1 must be at least 0"):
            trained(world, KINDS[kind](name=kind, kept_weights=-1))


# ---- what is written


@pytest.mark.parametrize("kind", KINDS)
def test_a_recipe_that_asks_for_none_keeps_none(world: World, kind: str) -> None:
    run = trained(world, KINDS[kind](epochs=2))
    assert run.weight_epochs == [] and not (run.path / "weights").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_half_precision_and_statistics_full(world: World, kind: str) -> None:
    run = trained(world, KINDS[kind](kept_weights=2, epochs=3))
    assert run.weight_epochs == ([1] if kind == "frozen" else [1, 3])
    last = run.weights_at(run.weight_epochs[-1])
    assert last.keys() == run.weights().keys()
    for name, tensor in last.items():
        statistic = name.endswith(("running_mean", "running_var"))
        integer = name.endswith("num_batches_tracked")
        assert tensor.dtype == (torch.float32 if statistic else torch.int64 if integer else torch.float16), name
    assert any(tensor.dtype == torch.float32 for tensor in last.values())
    if run.info["best"]["epoch"] == run.weight_epochs[-1]:
        assert all(torch.equal(last[name], whole.to(last[name].dtype)) for name, whole in run.weights().items())


def test_keeping_weights_changes_nothing_else(world: World) -> None:
    without, some = (trained(world, small_recipe(name=f"keeps_{count}", kept_weights=count)) for count in (0, 3))
    assert some.history.equals(without.history)
    for name in ("model.safetensors", "snapshots/epoch_0003.npz"):
        assert (some.path / name).read_bytes() == (without.path / name).read_bytes()


def test_a_value_beyond_half_precision_is_kept_in_full(tmp_path: Path) -> None:
    run = Run(tmp_path)
    weights = {"small": torch.tensor([0.1, 2.0]), "large": torch.tensor([1e5, 1.0]), "infinite": torch.tensor([np.inf])}
    runs.write_weights_at(run, 2, weights)
    read = run.weights_at(2)
    assert torch.equal(read["large"], weights["large"]) and read["large"].dtype == torch.float32
    assert torch.equal(read["small"], weights["small"].half()) and read["infinite"].dtype == torch.float16


# ---- the network of an epoch


def test_the_network_of_an_epoch_predicts_what_its_snapshot_says(world: World) -> None:
    run = trained(world, small_recipe(kept_weights=3, flip_averaging=True))
    found = course_data.find(world["classification"]).classification
    assert found is not None
    images = course_data.decode(found, "val").images
    for epoch in run.weight_epochs:
        network, snapshot = handin.network_of(run, "cpu", epoch=epoch), run.snapshot(epoch)
        kind = task_class(network.recipe)
        logits = kind.logits(network.model, images, (), network.recipe, network.normalisation, network.precision)
        confidence, predicted = logits.softmax(1).max(1)
        np.testing.assert_allclose(confidence, snapshot["confidence"].astype(np.float32), atol=5e-3)
        unsure = logits.topk(2).values.diff().abs().squeeze(1) < 0.02
        assert (predicted.numpy() == snapshot["predicted"])[~unsure].all() and unsure.float().mean() < 0.2
    first, last = (run.weights_at(epoch) for epoch in (run.weight_epochs[0], run.weight_epochs[-1]))
    assert any(not torch.equal(first[name], last[name]) for name in first)


def test_the_masks_of_an_epoch_are_those_of_its_snapshot(world: World) -> None:
    run = trained(world, small_segmentation(kept_weights=2, named_images=("0000", "0003")))
    found = course_data.find(world["satellite"]).satellite
    assert found is not None
    images = course_data.decode(found, "val", 16).images
    for epoch in run.weight_epochs:
        predicted = handin.network_of(run, "cpu", epoch=epoch).predict(images[[0, 3]], (32, 32)).numpy()
        agreement = [(predicted[row] == mask).mean() for row, mask in enumerate(run.masks(epoch).values())]
        assert len(agreement) == 2 and min(agreement) > 0.99


@pytest.mark.parametrize("kind", ["pretraining", "teacher"])
def test_the_backbone_of_an_epoch_has_the_features_of_its_snapshot(world: World, kind: str) -> None:
    run = trained(world, KINDS[kind](kept_weights=2))
    found = course_data.find(world["mini"]).mini
    assert found is not None
    images = course_data.decode(found, "train").images
    for epoch in run.weight_epochs:
        snapshot = run.snapshot(epoch)
        network = training.load_network(run, epoch)
        assert not network.training and {value.dtype for value in network.parameters()} == {torch.float32}
        with torch.no_grad():
            features = network(augment.prepare(images[snapshot["indices"]], 24, {})).numpy()
        scale = np.abs(features).max()
        np.testing.assert_allclose(features, snapshot["features"].astype(np.float32), atol=5e-3 * scale)
    best = training.load_network(run)
    assert all(torch.equal(best.state_dict()[name], value) for name, value in run.weights().items())


def test_loading_a_network_leaves_the_callers_generator_alone(world: World) -> None:
    run = trained(world, small_recipe(epochs=1, kept_weights=1))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    training.load_network(run, 1)
    assert torch.equal(torch.rand(3), expected)


# ---- interrupted, repeated, and made with another number

KILL_POINTS = {
    "before a snapshot": ("write_snapshot", 3),
    "before weights": ("write_weights_at", 2),
    "before a checkpoint": ("write_checkpoint", 3),
    "before a history": ("write_history", 2),
    "before the record is closed": ("write_info", 2),
}


@pytest.mark.parametrize("kind", ["classification", "teacher"])
@pytest.mark.parametrize("point", KILL_POINTS)
def test_an_interrupted_training_keeps_the_same_bytes(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, point: str
) -> None:
    recipe = KINDS[kind](kept_weights=3)
    whole = kept(trained(world, recipe))
    assert sorted(whole) == ["epoch_0001.safetensors", "epoch_0003.safetensors", "epoch_0004.safetensors"]
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "interrupted"))
    name, calls = KILL_POINTS[point]
    original, count = getattr(runs, name), iter(range(1, 1000))

    def interrupted(*arguments: object) -> None:
        if next(count) == calls:
            raise KeyboardInterrupt
        original(*arguments)

    with monkeypatch.context() as cut:
        cut.setattr(runs, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained(world, recipe)
    assert kept(trained(world, recipe)) == whole


def test_a_kill_within_a_file_leaves_none_of_it(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recipe = small_recipe(kept_weights=4)
    whole = kept(trained(world, recipe))
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "interrupted"))
    original = os.replace

    def interrupted(source: Any, target: Any, **options: Any) -> None:
        if str(target).endswith("weights/epoch_0002.safetensors"):
            raise KeyboardInterrupt
        original(source, target, **options)

    with monkeypatch.context() as cut:
        cut.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained(world, recipe)
    (run,) = runs.list_runs(tmp_path / "interrupted")
    assert run.weight_epochs == [1] and run.weights_at(1)
    assert kept(trained(world, recipe)) == whole


def test_a_training_without_a_checkpoint_to_resume_writes_every_epoch_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe(kept_weights=4)
    run = trained(world, recipe)
    whole = kept(run)
    runs.write_info(run, run.info | {"status": "training"})
    (run.path / "checkpoint.pt").write_bytes(b"")
    (run.path / "weights" / "epoch_0003.safetensors").write_bytes(b"stale")
    assert kept(trained(world, recipe)) == whole


def test_a_record_with_more_serves_and_one_with_fewer_is_refused(world: World) -> None:
    run = trained(world, small_recipe(kept_weights=3))
    before = kept(run)
    assert trained(world, small_recipe()) == trained(world, small_recipe(kept_weights=2)) == run
    assert kept(run) == before
    with pytest.raises(RecordMismatchError, match=r"kept_weights was 3 and is now 4.*Remove"):
        trained(world, small_recipe(kept_weights=4))
    with pytest.raises(RecordMismatchError, match="epochs was 4 and is now 5"):
        trained(world, small_recipe(kept_weights=2, epochs=5))
    runs.write_info(run, run.info | {"status": "training"})  # its last epochs would keep fewer than it says
    with pytest.raises(RecordMismatchError, match="kept_weights was 3 and is now 2"):
        trained(world, small_recipe(kept_weights=2))


def test_a_record_from_before_the_setting_keeps_none_and_stays_valid(world: World) -> None:
    run = trained(world, small_recipe())
    old = dict(run.info)
    del old["recipe"]["kept_weights"]
    runs.write_info(run, old)
    assert trained(world, small_recipe()) == run and run.weight_epochs == []
    assert recipes.recorded(run.info["recipe"]).kept_weights == 0 and training.load_network(run)
    with pytest.raises(RecordMismatchError, match="kept_weights was 0 and is now 2"):
        trained(world, small_recipe(kept_weights=2))


# ---- missing and damaged files


def test_an_epoch_without_weights_names_those_with(world: World) -> None:
    run = trained(world, small_recipe(kept_weights=2))
    for read in (run.weights_at, lambda epoch: training.load_network(run, epoch)):
        with pytest.raises(
            ValueError, match=r"epoch_0003\.safetensors does not exist.* the epochs 1, 4.*train"
        ) as told:
            read(3)
        assert "damaged" not in str(told.value)
    none = trained(world, small_recipe(name="none", epochs=1))
    with pytest.raises(
        ValueError, match=r"none/seed0/weights/epoch_0001\.safetensors.*no weights are kept.*kept_weights"
    ):
        none.weights_at(1)


@pytest.mark.parametrize("with_digests", [True, False])
@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: b"", lambda content: b"garbage" * 99])
def test_damaged_weights_are_told_by_file_and_cure(world: World, damage: Any, with_digests: bool) -> None:
    run = trained(world, small_recipe(epochs=2, kept_weights=2))
    file = run.path / "weights" / "epoch_0002.safetensors"
    file.write_bytes(damage(file.read_bytes()))
    if not with_digests:
        (run.path / digests.NAME).unlink()
    for read in (run.weights_at, lambda epoch: training.load_network(run, epoch)):
        with pytest.raises(DamagedRecordError, match="remove the record and train again") as told:
            read(2)
        assert str(file) in str(told.value)
    assert run.weights_at(1)


def test_weights_of_another_network_are_refused_by_file(world: World) -> None:
    run = trained(world, small_recipe(epochs=1, kept_weights=1))
    runs.write_weights_at(run, 1, {"a": torch.zeros(3)})
    with pytest.raises(ValueError, match=r"(?s)epoch_0001\.safetensors does not fit the network.*train again"):
        training.load_network(run, 1)
    runs.write_weights_at(run, 1, {"a": torch.tensor([np.nan])})
    with pytest.raises(ValueError, match=r"epoch_0001\.safetensors: a holds nan"):
        training.load_network(run, 1)


# ---- the book's recipes

PAGES = (
    "our_fcn32s",
    "our_fcn8s",
    "our_unet",
    "our_deeplabv3plus_random",
    "our_scratch",
    "r1_small_cnn",
    "r3_dino",
    "our_byol",
    "our_dino",
)
"""Recipes whose networks chapters run in the page."""


def test_the_chosen_recipes_keep_at_most_six_epochs_in_quick_and_the_others_none() -> None:
    read = {name: recipes.get(name).for_profile("quick") for name in recipes.RECIPES}
    same = {name for page in PAGES for name in recipes.same_run(page, "quick")}
    assert {name for name, recipe in read.items() if recipe.kept_weights} == same
    assert all(read[name].kept_weights == min(6, read[name].epochs) for name in same)
    for profile in {*PROFILES} - {"quick", "gpu"}:  # `gpu` is read as `quick`
        assert not any(recipe.for_profile(profile).kept_weights for recipe in recipes.RECIPES.values())


@pytest.mark.parametrize("profile", PROFILES)
def test_kept_weights_make_no_two_trainings_of_one(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = {name: recipes.same_run(name, profile) for name in recipes.RECIPES}
    for name, recipe in list(recipes.RECIPES.items()):
        alike = dataclasses.replace(recipe.for_profile(profile), kept_weights=0)
        monkeypatch.setitem(recipes.RECIPES, name, alike)
    assert {name: recipes.same_run(name, profile) for name in recipes.RECIPES} == now


def test_a_quick_book_keeps_at_most_40_megabytes(tmp_path: Path) -> None:
    classes = {"classification": 50, "mini": 64, "satellite": 7}
    total = 0
    for name in {recipes.representative(name, "quick") for name in PAGES}:
        recipe = recipes.get(name).for_profile("quick")
        kind, run = task_class(recipe), Run(tmp_path / name)
        network = kind.stored(kind.build_network(recipe, classes[recipe.dataset]))
        runs.write_weights_at(run, 1, network.state_dict())
        epochs = loop.weight_epochs(loop.snapshot_epochs(recipe.epochs, recipe.snapshots), recipe.kept_weights)
        total += len(epochs) * sum(map(len, kept(run).values()))
    assert 10e6 < total < 40e6


def test_the_book_s_recipes_keep_weights_at_the_first_seed_only_and_changed_ones_at_each(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = small_recipe(epochs=1, kept_weights=1)
    monkeypatch.setitem(recipes.RECIPES, "small", book)
    first, second = (trained(world, book, seed) for seed in (recipes.KEPT_SEED, recipes.KEPT_SEED + 1))
    assert first.weight_epochs == [1] and first.info["recipe"]["kept_weights"] == 1
    assert second.weight_epochs == [] and second.info["recipe"]["kept_weights"] == 0
    assert trained(world, book, 1) == second
    changed = recipes.changed("small", profile="smoke", name="mine", batch_size=4)
    assert trained(world, changed, 1).weight_epochs == [1]


def test_kept_weights_are_a_setting_to_change() -> None:
    assert recipes.changed("our_unet", profile="quick", kept_weights=2).kept_weights == 2
    with pytest.raises(ValueError, match="kept_weights='all' must be int"):
        recipes.changed("our_unet", profile="quick", kept_weights="all")


def test_a_backbone_of_an_epoch_starts_another_network(world: World) -> None:
    run = trained(world, small_pretraining("dino", epochs=2, kept_weights=2))
    backbone = models.build("resnet18", 3, form="reduced", width=8)
    models.load_into(backbone, run.weights_at(1))
    name = "conv1.weight"
    assert torch.equal(backbone.state_dict()[name], run.weights_at(1)[name].float())
