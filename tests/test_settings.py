"""Fine-tuning settings: what is trained trains, what is frozen stands still, and a start is what it is said to be."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from torch import nn
from training_worlds import small_pretraining, small_recipe, write_mini_and_office

from dlcvlib import models, recipes, runs
from dlcvlib.recipes import EXTRA, RECIPES, SERIES, SETTINGS, ClassificationRecipe, Optimizer, Schedule
from dlcvlib.training import loop, start, train
from dlcvlib.training.linear_probe import TOLERANCE, choose_decay, fit_linear, fit_with_chosen_decay, probe_step
from dlcvlib.training.tasks import Classification

SMALL_RESNET = {
    "model": "resnet18",
    "model_options": {"width": 8},
    "dataset": "office",
    "head": "linear",
    "image_size": 24,
    "augmentation": {"random_resized_crop": {"scale": (0.5, 1.0)}, "horizontal_flip": {}},
    "mixup_alpha": 0.0,
    "cutmix_alpha": 0.0,
    "weight_average": 0.0,
    "epochs": 2,
}


def setting(row: str, **changes: object) -> ClassificationRecipe:
    """A small recipe of one row, on the backbone of `small_byol` where that is asked for."""
    asked = (SETTINGS | EXTRA)[row]
    start = {"random": "random", "supplied": "pretrained", "ssl": "ssl"}[asked.init]
    named = {
        "name": f"small_{row}",
        "setting": row,
        "trains": asked.trains,
        "start": start,
        "pretraining": "small_byol",
    }
    return small_recipe(**(SMALL_RESNET | named | {"classifier_first": row == "LP-FT"} | changes))


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Small sets, and a pre-training on them that recipes may name."""
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("DLCV_WEIGHTS", raising=False)
    monkeypatch.setitem(RECIPES, "small_byol", small_pretraining("byol"))
    return write_mini_and_office(tmp_path / "data")


def backbone_of(run: runs.Run) -> dict[str, torch.Tensor]:
    prefix = "backbone."
    return {name.removeprefix(prefix): value for name, value in run.weights().items() if name.startswith(prefix)}


def start_of(run: runs.Run) -> runs.Run:
    """The record that a run started from."""
    return runs.load(Path(os.environ["DLCV_RUNS"]) / run.info["start"]["record"])


# The table


def test_the_settings_are_the_courses():
    assert {row: (each.init, each.trains) for row, each in SETTINGS.items()} == {
        "A": ("random", "model"),
        "B": ("supplied", "model"),
        "C": ("ssl", "model"),
        "D": ("supplied", "classifier"),
        "E": ("ssl", "classifier"),
    }


@pytest.mark.parametrize("name", SERIES)
def test_the_settings_of_a_series_differ_in_nothing_but_start_and_what_is_trained(name):
    rows = [recipe for recipe in SERIES[name].recipes()]
    same = ("model", "epochs", "batch_size", "optimizer", "schedule", "image_size", "augmentation", "head", "profiles")
    for field in same:
        assert all(getattr(recipe, field) == getattr(rows[0], field) for recipe in rows), field
    assert {recipe.setting for recipe in rows} >= ({*SETTINGS} if SERIES[name].pretraining else {"A", "B", "D"})


def test_the_readings_of_the_editions_supply_what_the_course_supplied():
    assert recipes.READINGS["2023"].supplied == SERIES["r1_setting"].supplied == "mini"
    assert recipes.READINGS["2025"].supplied == SERIES["r3_setting"].supplied == "dino"
    assert recipes.READINGS["2023"].image_size == 128 and recipes.READINGS["2025"].image_size == 224


# What is trained


@pytest.mark.parametrize("row", [*SETTINGS, *EXTRA])
def test_each_setting_trains_what_it_says_and_counts_it(data, row):
    run = train(setting(row), profile="smoke", seed=0, data=data)
    info, weights = run.info, run.weights()
    classifier = sum(value.numel() for name, value in weights.items() if name.startswith("classifier."))
    expected = classifier if (SETTINGS | EXTRA)[row].trains == "classifier" else info["parameters"]
    assert info["trained_parameters"] == expected and 0 < classifier < info["parameters"]
    assert run.finished and 0 <= info["best"]["val_accuracy"] <= 1


@pytest.mark.parametrize("row", ["D", "E", "frozen random"])
def test_a_frozen_backbone_keeps_every_weight_and_every_statistic(data, row):
    run = train(setting(row), profile="smoke", seed=0, data=data)
    after = backbone_of(run)
    if row == "frozen random":
        with loop.seeded(0, 0):
            before = Classification.build_network(setting(row), 3).backbone.state_dict()
    else:
        before = start_of(run).weights()
    assert any("running_mean" in name for name in after)
    for name, value in after.items():
        assert torch.equal(value, before[name])


def test_training_the_whole_network_moves_backbone_and_statistics(data):
    run = train(setting("C"), profile="smoke", seed=0, data=data)
    before = start_of(run).weights()
    after = backbone_of(run)
    assert not torch.equal(after["conv1.weight"], before["conv1.weight"])
    assert not torch.equal(after["bn1.running_mean"], before["bn1.running_mean"])


def test_a_setting_begins_with_the_features_of_its_pre_training(data):
    run = train(setting("E"), profile="smoke", seed=3, data=data)
    assert run.info["start"]["from"] == "record" and run.info["start"]["record"].endswith("small_byol/seed0")
    np.testing.assert_array_equal(run.snapshot(0)["features"], run.snapshot(1)["features"])


def test_one_pre_training_serves_every_seed(data):
    for seed in (0, 1):
        train(setting("C"), profile="smoke", seed=seed, data=data)
    assert len([run for run in runs.list_runs(os.environ["DLCV_RUNS"]) if "small_byol" in str(run.path)]) == 1


def test_classifier_first_begins_where_the_frozen_setting_ends(data):
    frozen = train(setting("E"), profile="smoke", seed=0, data=data)
    both = train(setting("LP-FT"), profile="smoke", seed=0, data=data)
    assert both.info["before"]["val_accuracy"] == pytest.approx(frozen.info["best"]["val_accuracy"], abs=0.12)
    assert both.info["before"]["val_loss"] < 3 * np.log(3)


@pytest.mark.parametrize("row", ["E", "LP-FT"])
def test_the_classifier_that_was_fitted_is_the_one_that_is_judged_averaged_weights_or_not(data, row):
    plain = train(setting(row), profile="smoke", seed=0, data=data)
    averaged = train(setting(row, name="averaged", weight_average=0.99), profile="smoke", seed=0, data=data)
    moment = "best" if row == "E" else "before"
    assert averaged.info[moment]["val_loss"] == plain.info[moment]["val_loss"]


def test_a_finished_pre_training_that_collapsed_is_no_silent_start(data, monkeypatch):
    monkeypatch.setitem(
        RECIPES,
        "small_byol",
        small_pretraining(
            "dino",
            on_collapse="stop",
            method_options={
                "hidden": 16,
                "out_dim": 32,
                "bottleneck": 8,
                "warmup_teacher_temp": 10.0,
                "teacher_temp": 10.0,
            },
        ),
    )
    with pytest.raises(Exception, match="stopped after epoch 3"):
        train(setting("E"), profile="smoke", seed=0, data=data)


def test_snapshots_of_the_training_images_follow_them(data):
    run = train(setting("C", snapshot_of="train"), profile="smoke", seed=0, data=data)
    assert len(run.snapshot(0)["labels"]) == 18 and run.snapshot_epochs == [0, 1, 2]


def test_on_a_plateau_the_learning_rate_falls_and_stays_fallen(data, monkeypatch):
    losses = iter([4.0, 3.0, 2.0, 2.0, 2.0, 2.0])
    evaluate = Classification.evaluate
    monkeypatch.setattr(Classification, "evaluate", lambda task: evaluate(task) | {"val_loss": next(losses)})
    recipe = setting("A", epochs=5, schedule=Schedule("plateau", every=1, gamma=0.1), optimizer=Optimizer("sgd", 0.05))
    rates = train(recipe, profile="smoke", seed=0, data=data).history["learning_rate"]
    np.testing.assert_allclose(rates, [0.05, 0.05, 0.05, 0.05, 0.005])


# Where a backbone comes from


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "encoder.", "module.backbone."])
@pytest.mark.parametrize("kept_fc", [True, False])
def test_a_backbone_is_loaded_whatever_its_keys_are_prefixed_with(data, tmp_path, prefix, kept_fc):
    torch.manual_seed(7)
    network = models.build("resnet18", 11, form="reduced", width=8)
    state = {name: value for name, value in network.state_dict().items() if kept_fc or not name.startswith("fc")}
    save_file({prefix + name: value for name, value in state.items()}, tmp_path / "given.safetensors")
    run = train(setting("D"), profile="smoke", seed=0, data=data, weights=tmp_path / "given.safetensors")
    assert run.info["start"]["from"] == "path"
    assert torch.equal(backbone_of(run)["layer3.0.conv2.weight"], network.state_dict()["layer3.0.conv2.weight"])


def test_a_backbone_that_does_not_fit_is_refused_with_the_names(data, tmp_path):
    state = models.build("resnet18", 11, form="reduced", width=16).state_dict()
    torch.save(state, tmp_path / "wide.pt")
    with pytest.raises(ValueError, match=r"of another shape: .*conv1\.weight"):
        train(setting("B"), profile="smoke", seed=0, data=data, weights=tmp_path / "wide.pt")


def test_the_backbone_that_the_course_hands_out_is_found_beside_its_data(data):
    """The real file is a ResNet50; here the network is made small, the name and the place are the course's."""
    network = models.build("resnet18", 64, stem="small")
    torch.save(network.state_dict(), data / "p2_data" / start.COURSE_BACKBONE)
    recipe = setting("D", supplied="mini", form="full", model_options={"stem": "small"}, stand_in="mini_labelled")
    run = train(recipe, profile="smoke", seed=0, data=data)
    assert (run.info["start"]["from"], run.info["start"]["title"]) == ("path", start.COURSE_BACKBONE)
    assert torch.equal(backbone_of(run)["conv1.weight"], network.state_dict()["conv1.weight"])


def test_without_supplied_weights_the_stand_in_is_trained_with_labels_and_named(data, monkeypatch):
    stand_in = small_recipe(
        **(SMALL_RESNET | {"name": "stand_in", "title": "Stand-in", "dataset": "mini", "epochs": 1})
    )
    monkeypatch.setitem(RECIPES, "stand_in", stand_in)
    start = train(setting("B", supplied="mini", stand_in="stand_in"), profile="smoke", seed=0, data=data).info["start"]
    assert start["title"] == "Stand-in" and start["record"] == "smoke/stand_in/seed0" and start["because"]


# The linear probe


def features_and_labels(number: int = 300, width: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (number,), generator=generator)
    features = torch.randn(number, width, generator=generator) + 1.2 * torch.eye(4, width)[labels]
    return 5 * features + 3, labels


def test_the_probe_converges_to_scikit_learns_logistic_regression():
    features, labels = features_and_labels()
    fit = fit_linear(features, labels, 4, weight_decay=0.01)
    standard = (features - features.mean(0)) / features.std(0)
    reference = LogisticRegression(C=1 / (0.01 * len(labels)), tol=1e-8, max_iter=2000).fit(
        standard.numpy(), labels.numpy()
    )
    ours = fit.classifier(features).softmax(1).detach().numpy()
    np.testing.assert_allclose(ours, reference.predict_proba(standard.numpy()), atol=2e-3)
    assert fit.converged and fit.largest_gradient < 10 * TOLERANCE


def test_the_probe_takes_the_weight_decay_that_does_best_on_images_kept_out():
    features, labels = features_and_labels(60, 40)
    torch.manual_seed(0)
    chosen = fit_with_chosen_decay(features, torch.randint(4, (60,)), 4)
    assert chosen.weight_decay == 0.1  # labels of chance deserve the smallest classifier
    torch.manual_seed(0)
    again = fit_with_chosen_decay(features, labels, 4)
    torch.manual_seed(0)
    assert torch.equal(again.classifier.weight, fit_with_chosen_decay(features, labels, 4).classifier.weight)


def test_the_chosen_weight_decay_is_that_of_the_lowest_loss_on_the_images_left_out():
    features, labels = features_and_labels(60, 40)
    labels[:12] = torch.randint(4, (12,), generator=torch.Generator().manual_seed(2))
    held_out, kept = torch.arange(12), torch.arange(12, 60)
    losses = {}
    for decay in (1e-3, 1e-2, 1e-1, 1.0):
        fit = fit_linear(features[kept], labels[kept], 4, decay)
        losses[decay] = nn.functional.cross_entropy(fit.classifier(features[held_out]), labels[held_out]).item()
    assert choose_decay(features, labels, 4, kept, held_out, tuple(losses)) == min(losses, key=losses.__getitem__)


def test_a_step_of_a_probe_trains_the_classifier_and_leaves_the_backbone_as_it_is():
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU())
    classifier = nn.Linear(5, 3)
    optimizer = torch.optim.SGD([*backbone.parameters(), *classifier.parameters()], lr=0.5, weight_decay=0.1)
    images, labels = torch.randn(30, 6), torch.randint(3, (30,))
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    losses = [probe_step(backbone, classifier, optimizer, images, labels) for _ in range(50)]
    assert losses[-1] < losses[0] - 0.05
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_backbone_and_a_linear_layer_say_what_the_network_says():
    for name in ("resnet18", "mobilenet_v2"):
        network = models.build(name, 5, form="reduced").eval()
        images = torch.randn(2, 3, 32, 32)
        expected = network(images)
        last = models.classifier_of(network)
        assert isinstance(last, nn.Linear)
        width = models.feature_dim(network)
        classifier = models.LinearClassifier(models.as_backbone(network), width, 5).eval()
        classifier.classifier.load_state_dict(last.state_dict())
        torch.testing.assert_close(classifier(images), expected)
