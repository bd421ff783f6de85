"""Views of segmentations: they say what the records say, and refuse what does not fit."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from dlcvlib import runs, views
from dlcvlib.runs import Run

SIDE = 16


def record(root: Path, name: str, seed: int, ious: list[float]) -> Run:
    """A finished record with a mean IoU an epoch and masks of two images: right but for a stripe that narrows."""
    run = Run(root / "quick" / name / f"seed{seed}")
    history = [
        {"epoch": epoch, "train_loss": 1 / epoch, "val_loss": 1.5 / epoch, "mean_iou": value, "iou_urban": value}
        for epoch, value in enumerate(ious, start=1)
    ]
    best = max(history, key=lambda row: row["mean_iou"])
    recipe = {"name": name, "title": name.title(), "report": "R5", "form": "reduced"}
    info = {
        "recipe": recipe,
        "profile": "quick",
        "seed": seed,
        "status": "finished",
        "start": {"from": "random"},
        "best": best,
        "parameters": 1234,
        "timings": {"minutes": 2.0},
    }
    runs.write_info(run, info)
    runs.write_history(run, history)
    for epoch in range(len(ious) + 1):
        wrong = truth()[:2].numpy().copy()
        wrong[:, : len(ious) - epoch] = 5
        runs.write_masks(run, epoch, {"0000": wrong[0], "0001": wrong[1]})
    return run


def truth() -> torch.Tensor:
    masks = torch.zeros(3, SIDE, SIDE, dtype=torch.uint8)
    masks[:, :, SIDE // 2 :] = 3
    return masks


IMAGES = torch.full((3, 3, SIDE, SIDE), 90, dtype=torch.uint8)
NAMES = ("0000", "0001", "0002")


def test_the_table_has_mean_deviation_classes_and_what_was_reported(tmp_path):
    seeds = [record(tmp_path, "r4_fcn32s", seed, [0.1, value]) for seed, value in enumerate((0.30, 0.40))]
    picture = views.iou_table([seeds])
    for text in ("0.350", "0.071", "0.589"):
        assert f">{text}</td>" in picture.html
    assert (
        ">R4_Fcn32S" in picture.html
        and "2 seeds" in picture.caption
        and "1,234 parameters" in picture.caption
        and "2.0 minutes" in picture.caption
    )
    assert "The highest is R4_Fcn32S with 0.350" in picture.caption and "stand-in" in picture.caption


def test_a_report_s_classes_stand_below_ours(tmp_path):
    picture = views.iou_table([record(tmp_path, "r5_fcn8s", 0, [0.9])])
    rows = re.findall(r"<tr>(.*?)</tr>", picture.html, flags=re.DOTALL)
    assert "as R5 reports it" in rows[-1] and "0.760" in rows[-1]
    assert "The highest is R5_Fcn8S with 0.900" in picture.caption


def test_a_table_refuses_what_is_no_segmentation(tmp_path):
    run = record(tmp_path, "fcn", 0, [0.5])
    runs.write_info(run, run.info | {"best": {"val_accuracy": 0.5}})
    with pytest.raises(ValueError, match="names no best mean IoU"):
        views.iou_table([run])
    with pytest.raises(ValueError, match="at least one run"):
        views.iou_table([])


def test_curves_name_the_best_epoch(tmp_path):
    picture = views.iou_curves(record(tmp_path, "fcn", 0, [0.2, 0.5, 0.4]))
    assert "Fcn reaches 0.500 at epoch 2 of 3." in picture.caption
    with pytest.raises(ValueError, match="1 to 7 runs"):
        views.iou_curves([])


def test_predicted_masks_stand_beside_the_truth_with_their_own_score(tmp_path):
    run = record(tmp_path, "fcn", 0, [0.2, 0.5, 0.9])
    picture = views.predicted_masks(run, IMAGES, truth(), NAMES)
    assert picture.html.count("<img") == 2 * (2 + 3)  # image, truth and three epochs, of the two images kept
    assert "epoch 3: 1.00" in picture.html and "epochs 1, 2, 3" in picture.caption
    assert "Rangeland" in picture.html  # the legend
    scores = [float(text) for text in re.findall(r"epoch \d: ([\d.]+)</div>", picture.html)][:3]
    assert scores == sorted(scores) and scores[0] < 1


def test_predicted_masks_of_other_images_are_refused(tmp_path):
    run = record(tmp_path, "fcn", 0, [0.2, 0.5, 0.9])
    with pytest.raises(ValueError, match="keeps masks of 0001, which are not among the names"):
        views.predicted_masks(run, IMAGES, truth(), ("0000", "0007", "0002"))
    with pytest.raises(ValueError, match="do not fit each other"):
        views.predicted_masks(run, IMAGES[:2], truth(), NAMES)
    with pytest.raises(FileNotFoundError, match="no label maps"):
        views.predicted_masks(run, IMAGES, truth(), NAMES, epochs=(9,))


def test_label_maps_survive_the_file(tmp_path):
    run = record(tmp_path, "fcn", 0, [0.2])
    ids = np.arange(7, dtype=np.uint8).repeat(7).reshape(7, 7)
    runs.write_masks(run, 5, {"0000": ids})
    np.testing.assert_array_equal(run.masks(5)["0000"], ids)
    assert list(run.masks(5)) == ["0000"]


def with_best_masks(root: Path, wrong_columns: dict[str, int]) -> Run:
    """A record whose best masks call so many columns at the left of each image Barren."""
    run, masks = record(root, "fcn", 0, [0.5]), truth().numpy()
    for row, columns in enumerate(wrong_columns.values()):
        masks[row, :, :columns] = 5
    runs.write_best_masks(run, dict(zip(wrong_columns, masks, strict=True)))
    return run


def test_the_worst_images_come_first_with_their_commonest_mistake(tmp_path):
    run = with_best_masks(tmp_path, {"0000": 1, "0001": 6, "0002": 0})
    picture = views.worst_masks(run, IMAGES, truth(), NAMES, count=2)
    assert picture.html.count("<img") == 2 * 4
    assert picture.html.index("0001") < picture.html.index("0000") and "0002" not in picture.html
    assert "wrong: 38%. Urban confused with Barren" in picture.html  # 6 of 16 columns
    assert "no pixel wrong" in views.worst_masks(run, IMAGES, truth(), NAMES, count=3).html


def test_the_order_of_the_images_given_does_not_matter(tmp_path):
    run = with_best_masks(tmp_path, {"0000": 1, "0001": 6, "0002": 0})
    turned = views.worst_masks(run, IMAGES.flip(0), truth().flip(0), NAMES[::-1])
    assert turned == views.worst_masks(run, IMAGES, truth(), NAMES)


def test_the_confusion_of_pixels_gives_shares_of_each_true_class(tmp_path):
    run = with_best_masks(tmp_path, {"0000": 4, "0001": 4, "0002": 4})
    picture = views.pixel_confusion(run, truth(), NAMES)
    shares = picture.live["application/vnd.plotly.v1+json"]["data"][0]["z"]
    assert shares[0] == [0.5, 0, 0, 0, 0, 0.5, 0] and shares[3] == [0, 0, 0, 1, 0, 0, 0]
    assert shares[1] == [None] * 7  # no pixel of that class
    assert "Urban with Barren (50%)" in picture.caption


def test_best_masks_of_another_split_are_refused(tmp_path):
    run = with_best_masks(tmp_path, {"0000": 1, "0001": 6, "0002": 0})
    with pytest.raises(ValueError, match="keeps masks of 3 images, from 0000 to 0002"):
        views.worst_masks(run, IMAGES, truth(), ("0000", "0001", "0007"))
    with pytest.raises(ValueError, match="given were"):
        views.pixel_confusion(run, truth()[:, :8], NAMES)
    with pytest.raises(FileNotFoundError, match="train again"):
        views.worst_masks(record(tmp_path, "old", 0, [0.5]), IMAGES, truth(), NAMES)
