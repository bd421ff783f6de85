"""Segmentation: trained as its recipe says, scored as the course scores, its masks kept as they were predicted."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from training_worlds import small_pretraining, small_segmentation, write_mini_and_office, write_satellite

from dlcvlib import data as course_data
from dlcvlib import recipes, runs
from dlcvlib.course import REPORTED
from dlcvlib.data import DataError, palette
from dlcvlib.metrics import course_iou
from dlcvlib.recipes import RECIPES, Schedule, SegmentationRecipe
from dlcvlib.runs import Run
from dlcvlib.training import train
from dlcvlib.training.criterion import build_loss
from dlcvlib.training.optimizers import rate_factors
from dlcvlib.training.tasks import Segmentation


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    return write_satellite(tmp_path / "data")


def task_of(recipe: SegmentationRecipe, root: Path, weights: dict[str, torch.Tensor] | None = None) -> Segmentation:
    images = Segmentation.load_images(course_data.find(root), recipe)
    model = Segmentation.build_network(recipe, 7)
    if weights is not None:
        model.load_state_dict(weights)
    return Segmentation(recipe, model, images, torch.device("cpu"), "fp32", {})


def trained(root: Path, **changes: object) -> Run:
    return train(small_segmentation(**changes), profile="smoke", seed=0, data=root)


def test_a_segmentation_learns_and_is_scored_on_the_masks_as_they_lie_on_disk(data):
    run = trained(data, epochs=12, weight_average=0.0)
    history = run.history
    assert history["mean_iou"].iloc[-1] > run.info["before"]["mean_iou"] + 0.1
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0]
    assert run.info["best"]["mean_iou"] == history["mean_iou"].max()
    assert run.info["data"]["mask_pixels"] == 32  # twice what the network sees


def test_the_recorded_score_is_the_courses_score_of_the_recorded_network(data, monkeypatch):
    monkeypatch.setenv("DLCV_PRECISION", "fp32")
    run = trained(data)
    best = run.info["best"]["epoch"]
    task = task_of(small_segmentation(), data, run.weights())
    truth = course_data.decode(course_data.find(data).satellite, "val").masks
    predicted = torch.cat([task._logits(image[None], (32, 32)).argmax(1) for image in task.val.images])
    assert course_iou(predicted, truth).mean_of_present == pytest.approx(run.history["mean_iou"][best - 1], abs=1e-3)


def test_masks_are_kept_of_every_epoch_and_are_what_was_predicted(data):
    run = trained(data, epochs=2, named_images=("0001", "0002"), snapshots=5)
    assert run.snapshot_epochs == [0, 1, 2]
    for epoch in run.snapshot_epochs:
        masks = run.masks(epoch)
        assert list(masks) == ["0001", "0002"]
        assert all(ids.shape == (32, 32) and ids.dtype == np.uint8 and ids.max() <= 6 for ids in masks.values())
    file = run.path / "snapshots" / "epoch_0002" / "0001.png"
    with Image.open(file) as image:
        assert image.mode == "P"
        shown = palette.class_ids(np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(shown, run.masks(2)["0001"])


def test_the_best_epoch_s_masks_are_kept_of_every_image_and_score_what_the_record_says(data):
    run = trained(data)
    truth = course_data.decode(course_data.find(data).satellite, "val")
    kept = run.best_masks()
    assert set(kept) == {name.partition("_")[0] for name in truth.names}
    predicted = torch.from_numpy(np.stack([kept[name.partition("_")[0]] for name in truth.names]))
    assert course_iou(predicted, truth.masks).mean_of_present == run.info["best"]["mean_iou"]


def test_where_the_data_have_no_named_image_the_first_middle_and_last_are_kept(data):
    run = trained(data, epochs=1, named_images=("9999",))
    assert list(run.masks(1)) == ["0000", "0002", "0003"]


def test_masks_of_an_epoch_that_was_not_kept_name_those_there_are(data):
    run = trained(data, epochs=1)
    with pytest.raises(FileNotFoundError, match=r"holds no label maps; .* the epochs \[0, 1\]"):
        run.masks(7)


def test_an_interrupted_segmentation_goes_on_as_if_nothing_had_been(data, monkeypatch, tmp_path):
    whole = trained(data, epochs=3)
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "interrupted"))
    original, count = Segmentation.after_step, iter(range(1, 1000))

    def interrupted(task):
        if next(count) == 3:
            raise KeyboardInterrupt
        original(task)

    monkeypatch.setattr(Segmentation, "after_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained(data, epochs=3)
    monkeypatch.setattr(Segmentation, "after_step", original)
    resumed = trained(data, epochs=3)
    assert resumed.history.equals(whole.history)
    for name, value in resumed.weights().items():
        assert torch.equal(value, whole.weights()[name])
    for epoch in whole.snapshot_epochs:
        for name, ids in whole.masks(epoch).items():
            np.testing.assert_array_equal(resumed.masks(epoch)[name], ids)


def test_masks_that_cannot_be_written_whole_leave_the_old_ones(data, monkeypatch):
    run = trained(data, epochs=1)
    before = run.masks(1)
    with pytest.raises(ValueError, match="ids must be uint8"):
        runs.write_masks(run, 1, {"0000": before["0000"], "0001": np.full((4, 4), 9, np.uint8)})
    assert run.snapshot_epochs == [0, 1]
    np.testing.assert_array_equal(run.masks(1)["0000"], before["0000"])


def test_averaging_over_the_square_says_the_same_of_every_view(data):
    task = task_of(small_segmentation(dihedral_averaging=True), data)
    images = task.val.images
    for turned in (lambda maps: maps.flip(-1), lambda maps: maps.rot90(1, (-2, -1))):
        torch.testing.assert_close(
            task._logits(turned(images), (16, 16)), turned(task._logits(images, (16, 16))), atol=1e-4, rtol=1e-4
        )


def test_unknown_pixels_teach_nothing_where_the_recipe_says_so(data):
    logits = torch.randn(2, 7, 4, 4, requires_grad=True)
    masks = torch.full((2, 4, 4), palette.UNKNOWN)
    masks[0, 0, 0] = 1
    loss = build_loss(small_segmentation(ignore_unknown=True), masks, torch.device("cpu"))(logits, masks)
    loss.backward()
    assert logits.grad[0, :, 0, 0].abs().sum() > 0
    logits.grad[0, :, 0, 0] = 0
    assert logits.grad.abs().sum() == 0


def test_weighed_classes_count_by_their_rarity(data):
    masks = torch.zeros(1, 4, 4, dtype=torch.long)
    masks[0, 0] = 1
    weighed = build_loss(small_segmentation(weigh_classes=True), masks, torch.device("cpu"))
    logits = torch.zeros(1, 7, 4, 4, requires_grad=True)
    weighed(logits, masks).backward()
    by_class = [logits.grad[0, :, masks[0] == number].abs().sum().item() for number in (0, 1)]
    assert by_class[0] == pytest.approx(by_class[1], rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "hinge"}, r"unknown loss 'hinge'; known are cross_entropy, focal, dice, lovasz"),
        ({"loss": "dice", "weigh_classes": True}, "dice.*weigh_classes"),
        ({"augmentation": {"flip": {}}}, r"unknown augmentation 'flip' of image and mask; known are random_scale_crop"),
        ({"start": "imagenet", "model": "unet"}, "unet has no backbone"),
        ({"start": "ssl", "model": "deeplabv3plus_resnet18"}, "names none in `pretraining`"),
    ],
)
def test_a_recipe_that_cannot_be_trained_says_why(data, changes, message):
    with pytest.raises(ValueError, match=message):
        trained(data, **changes)


@pytest.mark.parametrize("loss", ["focal", "dice", "lovasz"])
def test_every_loss_trains(data, loss):
    history = trained(data, epochs=6, loss=loss, ignore_unknown=True).history
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0]


def test_the_auxiliary_head_is_trained_where_the_recipe_weighs_it(data):
    recipe = small_segmentation(model="deeplabv3plus_resnet18", model_options={"auxiliary": True}, auxiliary_weight=0.4)
    task = task_of(recipe, data)
    task.loss(*task.inputs(next(iter(task.batches())))).backward()
    assert sum(parameter.grad.abs().sum() for parameter in task.model.aux_classifier.parameters()) > 0


def test_a_segmentation_starts_from_our_own_pre_training(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    root = write_mini_and_office(tmp_path / "data")
    write_satellite(root / "p3_data")
    options = {"width": 8}
    monkeypatch.setitem(RECIPES, "small_byol", small_pretraining("byol", model_options=options))
    run = train(
        small_segmentation(
            model="deeplabv3plus_resnet18",
            model_options={"backbone_options": options},
            start="ssl",
            pretraining="small_byol",
            epochs=1,
            optimizer=recipes.Optimizer("sgd", 0.0),
        ),
        profile="smoke",
        seed=0,
        data=root,
    )
    pretrained = train("small_byol", profile="smoke", seed=0, data=root).weights()
    torch.testing.assert_close(run.weights()["backbone.conv1.weight"], pretrained["conv1.weight"])
    assert run.info["start"]["from"] == "record"


def test_a_mask_of_another_size_is_named(data):
    file = data / "train" / "0002_mask.png"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(file)
    with pytest.raises(DataError, match=r"0002_mask\.png"):
        trained(data)


def test_data_without_satellite_images_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    with pytest.raises(FileNotFoundError, match="holds no satellite images with masks"):
        trained(write_mini_and_office(tmp_path / "data"))


def test_poly_falls_to_nothing_along_a_power():
    factors = rate_factors(Schedule("poly", gamma=0.9), epochs=2, steps=5)
    assert factors[0] == 1 and factors[5] == pytest.approx(0.5**0.9)
    assert all(first > second > 0 for first, second in pairwise(factors))


def test_every_segmentation_that_the_reports_have_is_a_recipe_with_their_value():
    reported = {
        (recipe.report, REPORTED[recipe.name])
        for recipe in RECIPES.values()
        if isinstance(recipe, SegmentationRecipe) and recipe.name in REPORTED
    }
    assert reported == {
        *(("R1", value) for value in (0.533, 0.7478)),
        *(("R2", value) for value in (0.6927, 0.7475)),
        *(("R3", value) for value in (0.697, 0.680, 0.761)),
        *(("R4", value) for value in (0.5893, 0.7438)),
        *(("R5", value) for value in (0.6720, 0.6921)),
    }


@pytest.mark.parametrize("name", [name for name, each in RECIPES.items() if isinstance(each, SegmentationRecipe)])
def test_every_segmentation_recipe_builds_its_network_in_every_profile(name):
    for profile in ("smoke", "quick"):
        recipe = recipes.get(name).for_profile(profile)
        with torch.no_grad():
            assert Segmentation.build_network(recipe, 7).eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 7, 32, 32)


@pytest.mark.parametrize(
    ("first", "second", "compared"),
    [
        ("our_fcn32s", "our_fcn8s", {"model"}),
        ("our_unet", "our_unet_without_1", {"model_options"}),
        ("our_unet", "our_unet_without_4", {"model_options"}),
        ("our_deeplabv3plus", "our_deeplabv3plus_focal", {"loss", "loss_options"}),
        ("our_deeplabv3plus_random", "our_deeplabv3plus_ssl", {"start", "pretraining"}),
    ],
)
@pytest.mark.parametrize("profile", ["smoke", "quick", "full"])
def test_segmentations_that_are_compared_differ_in_nothing_else(first, second, compared, profile):
    settings, others = (recipes.get(name).for_profile(profile).as_dict() for name in (first, second))
    differing = {key for key in settings if settings[key] != others[key]}
    assert differing - {"kept_weights"} == {"name", "title"} | compared  # what is recorded changes no result


def test_a_class_that_occurs_nowhere_leaves_no_hole_in_the_record(data):
    run = trained(data, epochs=1)
    assert not any(isinstance(value, float) and math.isnan(value) for value in run.info["best"].values())
    assert run.history["mean_iou"].notna().all()


def test_evaluation_does_not_depend_on_how_images_are_batched(data, monkeypatch):
    task = task_of(small_segmentation(), data)
    whole = task.evaluate()
    monkeypatch.setattr(Segmentation, "evaluation_batch", 1)
    assert task.evaluate() == pytest.approx(whole, rel=1e-4)
