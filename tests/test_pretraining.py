"""Pre-training: interruptions change nothing, labels stay out of it, a collapse is told in words."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_training import assert_same_training
from training_worlds import small_pretraining, write_mini_and_office

from dlcvlib import data as course_data
from dlcvlib import recipes, runs, ssl
from dlcvlib.recipes import Optimizer
from dlcvlib.training import TrainingCollapsedError, train
from dlcvlib.training.tasks import Pretraining, from_random_weights, pretraining

METHODS = tuple(ssl.METHODS)


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    return write_mini_and_office(tmp_path / "data")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("place", "name", "calls"),
    [
        (Pretraining, "after_step", 2),
        (Pretraining, "after_step", 10),
        (runs, "write_weights", 3),
    ],
    ids=["in the first epoch", "in the third epoch", "between a checkpoint and its weights"],
)
def test_an_interrupted_pre_training_goes_on_as_if_nothing_had_been(
    data, monkeypatch, tmp_path, method, place, name, calls
):
    whole = train(small_pretraining(method), profile="smoke", seed=0, data=data)
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "interrupted"))
    original, count = getattr(place, name), iter(range(1, 1000))

    def interrupted(*arguments):
        if next(count) == calls:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(place, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(small_pretraining(method), profile="smoke", seed=0, data=data)
    monkeypatch.setattr(place, name, original)
    assert_same_training(train(small_pretraining(method), profile="smoke", seed=0, data=data), whole)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "lars"])
@pytest.mark.parametrize("method", METHODS)
def test_every_optimizer_trains_every_method(data, method, optimizer):
    recipe = small_pretraining(
        method, epochs=2, optimizer=Optimizer(optimizer, 0.01, weight_decay=1e-4, decay="matrices")
    )
    run = train(recipe, profile="smoke", seed=0, data=data)
    assert np.isfinite(run.history["train_loss"]).all()
    if method == "simsiam":  # it has no target network
        assert "drift" not in run.history
    else:
        assert run.history["drift"].iloc[-1] > 0


def trained_for_an_epoch(recipe, images):
    """The backbone's weights after one epoch, measured as training does."""
    torch.manual_seed(0)
    task = from_random_weights(recipe, images, torch.device("cpu"), "fp32")
    for step, batch in enumerate(task.batches()):
        task.before_step(step)
        task.optimizer.zero_grad()
        task.loss(*task.inputs(batch)).backward()
        task.after_backward()
        task.optimizer.step()
        task.after_step()
    return task.evaluate(), task.weights()


@pytest.mark.parametrize("method", METHODS)
def test_labels_decide_the_monitors_and_nothing_else(data, method):
    recipe = small_pretraining(method)
    images = Pretraining.load_images(course_data.find(data), recipe)
    other = replace(images, bank=replace(images.bank, labels=images.bank.labels.roll(12)))
    (measures, weights), (others, other_weights) = (trained_for_an_epoch(recipe, part) for part in (images, other))
    assert all(torch.equal(weights[name], other_weights[name]) for name in weights)
    assert measures["knn"] != others["knn"]


def test_held_out_images_are_not_trained_on(data):
    recipe = small_pretraining("byol")
    images = Pretraining.load_images(course_data.find(data), recipe)
    task = from_random_weights(recipe, images, torch.device("cpu"), "fp32")
    seen = {image.numpy().tobytes() for _ in range(9) for batch in task.batches() for image in batch}
    assert len(seen) == images.facts["train_images"] == 30
    assert all(image.numpy().tobytes() not in seen for image in images.queries.images)
    assert all(image.numpy().tobytes() in seen for image in images.bank.images)


def test_without_labels_the_monitors_look_at_the_office_set(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    data = write_mini_and_office(tmp_path / "data", labelled=False)
    run = train(small_pretraining("dino", epochs=1), profile="smoke", seed=0, data=data)
    assert run.info["data"]["monitored"] == "office" and run.info["data"]["train_images"] == 36
    assert len(run.snapshot(1)["labels"]) == 9


def test_fewer_images_a_class_are_fewer_images_with_labels_or_without(tmp_path, monkeypatch):
    monkeypatch.setattr(pretraining, "MINI_CLASSES", 3)
    for labelled, expected in ((True, 15), (False, 15)):
        data = write_mini_and_office(tmp_path / str(labelled), labelled=labelled)
        recipe = small_pretraining("byol", images_per_class=5)
        assert Pretraining.load_images(course_data.find(data), recipe).facts["train_images"] == expected


def test_the_record_measures_the_network_before_training_and_keeps_the_last_epoch(data):
    run = train(small_pretraining("byol"), profile="smoke", seed=0, data=data)
    assert run.info["before"]["drift"] == 0 and 0 <= run.info["before"]["knn"] <= 1
    assert run.info["best"]["epoch"] == 4 and run.snapshot_epochs == [0, 1, 2, 3, 4]
    assert set(run.snapshot(4)) == {"features", "labels", "indices"}


def test_the_backbone_of_a_record_has_the_names_of_the_plain_network(data):
    run = train(small_pretraining("dino", epochs=1), profile="smoke", seed=0, data=data)
    weights = run.weights()
    assert "conv1.weight" in weights and not any(name.startswith(("fc", "backbone", "student")) for name in weights)


@pytest.mark.parametrize("method", METHODS)
def test_weight_decay_follows_its_schedule_and_spares_biases(data, method):
    recipe = small_pretraining(method)
    images = Pretraining.load_images(course_data.find(data), recipe)
    task = from_random_weights(recipe, images, torch.device("cpu"), "fp32")
    task.before_step(0)
    first = [group["weight_decay"] for group in task.optimizer.param_groups]
    task.before_step(task.steps * task.epochs - 1)
    last = [group["weight_decay"] for group in task.optimizer.param_groups]
    assert first == pytest.approx([0.05, 0.0]) and last[0] == pytest.approx(0.2, abs=0.01) and last[1] == 0.0
    matrices, others = (group["params"] for group in task.optimizer.param_groups)
    assert all(parameter.ndim > 1 for parameter in matrices) and all(parameter.ndim <= 1 for parameter in others)


COLLAPSING = {"warmup_teacher_temp": 10.0, "teacher_temp": 10.0}
"""A teacher so unsharpened that it says the same of every image."""


def collapsing(**changes):
    options = {"hidden": 16, "out_dim": 32, "bottleneck": 8} | COLLAPSING
    return small_pretraining("dino", method_options=options, epochs=5, **changes)


def test_a_collapse_stops_the_training_with_the_reason_and_keeps_what_was_measured(data):
    with pytest.raises(TrainingCollapsedError, match=r"stopped after epoch 3 of 5.*same probability"):
        train(collapsing(on_collapse="stop"), profile="smoke", seed=0, data=data)
    (run,) = runs.list_runs(os.environ["DLCV_RUNS"])
    assert run.info["status"] == "collapsed" and len(run.history) == 3
    with pytest.raises(TrainingCollapsedError, match="same probability"):  # asked again, it does not train on
        train(collapsing(on_collapse="stop"), profile="smoke", seed=0, data=data)
    assert len(run.history) == 3


def test_a_flagged_collapse_goes_on_and_the_record_says_so(data):
    run = train(collapsing(on_collapse="flag"), profile="smoke", seed=0, data=data)
    assert run.finished and "same probability" in run.info["collapse"] and len(run.history) == 5
    assert list(run.history["collapsed"]) == [1.0] * 5


def test_a_healthy_training_is_not_called_collapsed(data):
    run = train(small_pretraining("byol"), profile="smoke", seed=0, data=data)
    assert run.info["collapse"] is None and not run.history["collapsed"].any()


def test_data_without_mini_imagenet_are_refused_with_its_name(data, tmp_path):
    (data / "p2_data" / "mini").rename(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match="holds no Mini-ImageNet, which small_byol is pre-trained on"):
        train(small_pretraining("byol"), profile="smoke", seed=0, data=data)


def test_the_reports_pre_trainings_are_as_reported():
    byol, dino = recipes.RECIPES["r1_byol"], recipes.RECIPES["r3_dino"]
    assert isinstance(byol, recipes.PretrainingRecipe) and isinstance(dino, recipes.PretrainingRecipe)
    assert (byol.model, byol.batch_size, byol.optimizer.name, byol.optimizer.learning_rate) == (
        "resnet50",
        32,
        "adam",
        3e-4,
    )
    jitter = byol.views[0].augmentation["colour_jitter"]
    assert [jitter[name] for name in ("brightness", "contrast", "saturation", "hue", "probability")] == [
        0.8,
        0.8,
        0.8,
        0.2,
        0.3,
    ]
    assert (dino.epochs, dino.batch_size, dino.warmup_epochs, dino.optimizer.learning_rate) == (500, 128, 10, 3e-2)
    scales = [view.augmentation["random_resized_crop"]["scale"] for view in dino.views]
    assert scales == [(0.14, 1.0), (0.14, 1.0), (0.05, 0.14)] and [view.count for view in dino.views] == [1, 1, 6]
