"""Evaluation after some epochs only: what is evaluated is equal, and so is the training."""

from __future__ import annotations

import dataclasses

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

from dlcvlib import runs, training, views
from dlcvlib.recipes import Recipe, Schedule
from dlcvlib.training import loop

EPOCHS = 5


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    write = {"classification": write_classification, "mini": write_mini_and_office, "satellite": write_satellite}
    return {dataset: each(tmp_path / dataset) for dataset, each in write.items()}


def trained(world, recipe: Recipe, every: int, **changes) -> runs.Run:
    named = dataclasses.replace(
        recipe, name=f"{recipe.name}_every_{every}", epochs=EPOCHS, snapshots=2, evaluate_every=every, **changes
    )
    return training.train(named, profile="smoke", seed=0, data=world[recipe.dataset])


KINDS = {"classification": small_recipe, "pretraining": lambda: small_pretraining("byol"), "masks": small_segmentation}


@pytest.mark.parametrize("kind", KINDS)
def test_evaluated_epochs_are_equal_however_often_the_network_is_evaluated(world, kind):
    recipe = KINDS[kind]()
    each, some = (trained(world, recipe, every) for every in (1, 3))
    seen = some.history[recipe.measure].notna()
    assert list(some.history["epoch"][seen]) == [1, 3, 5]
    assert some.history[seen].equals(each.history[seen])
    assert some.history[["epoch", "train_loss", "learning_rate"]].equals(
        each.history[["epoch", "train_loss", "learning_rate"]]
    )
    assert some.info["last"] == each.info["last"] and some.info["before"] == each.info["before"]
    assert some.info["best"]["epoch"] in (1, 3, 5) and some.info["best"][recipe.measure] is not None
    last, same = (runs.read_checkpoint(run, "checkpoint.pt")["task"] for run in (each, some))
    network = "module" if kind == "pretraining" else "model"
    assert all(torch.equal(value, same[network][name]) for name, value in last[network].items())


def test_the_best_of_the_evaluated_epochs_is_stored(world):
    run = trained(world, small_recipe(), 2)
    seen = run.history.dropna()
    assert run.info["best"]["val_accuracy"] == seen["val_accuracy"].max()
    assert run.info["best"]["epoch"] == seen["epoch"].iloc[int(seen["val_accuracy"].argmax())]


def test_an_interrupted_training_resumes_between_evaluations(world, monkeypatch):
    whole = trained(world, small_recipe(), 3)
    with monkeypatch.context() as cut:
        written = runs.write_history

        def stop_after_two(run, rows):
            written(run, rows)
            if len(rows) == 2:
                raise KeyboardInterrupt

        cut.setattr(runs, "write_history", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            trained(world, small_recipe(name="again"), 3)
    assert trained(world, small_recipe(name="again"), 3).history.equals(whole.history)


def test_figures_show_the_evaluated_epochs(world):
    run = trained(world, small_recipe(), 3)
    assert "of 5" in views.curves(run).caption and "nan" not in views.curves(run).html.lower()
    byol = trained(world, small_pretraining("byol"), 3)
    assert "nan" not in views.monitors(byol).caption.lower()
    masks = trained(world, small_segmentation(), 3)
    assert "of 5" in views.iou_curves(masks).caption


@pytest.mark.parametrize(("epochs", "every", "kept"), [(18, 4, 10), (5, 1, 30), (7, 100, 2), (1, 3, 1), (9, 4, 1)])
def test_first_last_and_snapshots_are_always_evaluated(epochs, every, kept):
    shown = loop.snapshot_epochs(epochs, kept)
    evaluated = loop.evaluated_epochs(epochs, every, shown)
    assert {1, epochs} | shown <= evaluated and max(evaluated) == epochs
    assert {epoch for epoch in range(1, epochs + 1) if epoch % every == 0} <= evaluated
    assert evaluated - shown - {1, epochs} <= {epoch for epoch in range(1, epochs + 1) if epoch % every == 0}


def test_what_cannot_be_meant_is_refused(world):
    with pytest.raises(ValueError, match="evaluate_every=0 must be at least 1"):
        trained(world, small_recipe(), 0)
    with pytest.raises(ValueError, match="plateau schedule reads the validation loss of every epoch"):
        trained(world, small_recipe(name="plateau"), 2, schedule=Schedule("plateau", every=1, gamma=0.1))


def test_a_record_from_before_the_setting_is_read_with_its_default(world):
    run = trained(world, small_recipe(), 1)
    old = dict(run.info)
    del old["recipe"]["evaluate_every"]
    runs.write_info(run, old)
    assert trained(world, small_recipe(), 1) == run and np.isfinite(run.history["val_loss"]).all()
