"""Mean IoU equals the course's definition on every kind of map; pooling does not mind how the pixels are divided."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dlcvlib.data import palette
from dlcvlib.data.palette import CLASS_NAMES, UNKNOWN
from dlcvlib.metrics import area_share, boundary_iou, course_iou, through_a_grid
from dlcvlib.metrics.pixel_pairs import CPU_CHUNK, _count_on_cpu, _count_on_device

ORACLES = Path(__file__).resolve().parents[2] / "shared" / "oracles" / "miou"
CASES = range(60)


def plain_iou(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The definition of COURSE.md, class by class over all pooled pixels."""
    scores = np.full(6, np.nan)
    for i in range(6):
        hits = np.sum((pred == i) & (target == i))
        union = np.sum(pred == i) + np.sum(target == i) - hits
        if union:
            scores[i] = hits / union
    return scores


def plain_boundary_iou(pred: np.ndarray, target: np.ndarray, width: int) -> np.ndarray:
    """Per class: erode the mask, 0 beyond the image; its edge band is what that takes away."""

    def band(mask: np.ndarray) -> np.ndarray:
        padded = np.pad(mask, width)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * width + 1, 2 * width + 1))
        return mask & ~windows.all((2, 3))

    scores = np.full(6, np.nan)
    for i in range(6):
        pairs = [(band(one == i), band(other == i)) for one, other in zip(pred, target, strict=True)]
        union = sum(np.sum(one | other) for one, other in pairs)
        if union:
            scores[i] = sum(np.sum(one & other) for one, other in pairs) / union
    return scores


def random_maps(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Prediction and target of a random shape, dtype and set of classes, alike in a random share of pixels."""
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(1, 12, random.integers(2, 5)))
    dtype = random.choice([np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
    classes = [random.choice(7, random.integers(1, 8), replace=False) for _ in range(2)]
    target, other = (random.choice(some, shape).astype(dtype) for some in classes)
    return np.where(random.random(shape) < random.random(), target, other).astype(dtype), target


def equal(ours: object, definition: object) -> bool:
    return np.allclose(ours, definition, rtol=0, atol=1e-12, equal_nan=True)


def read_masks(folder: Path) -> np.ndarray:
    return np.stack([palette.class_ids(np.asarray(Image.open(file))) for file in sorted(folder.glob("*.png"))])


@pytest.mark.parametrize("case", ["shifted", "noisy", "unknown_band"])
def test_it_equals_the_courses_own_values(case):
    if not ORACLES.is_dir():
        pytest.skip(f"{ORACLES} is not there: masks with the course script's scores are not part of the project")
    expected = json.loads((ORACLES / "expected.json").read_text())[case]
    iou = course_iou(read_masks(ORACLES / case / "pred"), read_masks(ORACLES / case / "gt"))
    assert np.abs(np.array(iou.per_class) - expected["iou"]).max() < 0.6e-5
    assert abs(iou.mean - expected["mean_iou"]) < 0.6e-6
    assert iou.absent == () and iou.mean_of_present == iou.mean


@pytest.mark.parametrize("seed", CASES)
def test_it_equals_the_definition_with_every_dtype_shape_and_set_of_classes(seed):
    pred, target = random_maps(seed)
    iou = course_iou(pred, target)
    scores = plain_iou(pred, target)
    assert equal(iou.per_class, scores)
    assert equal(iou.mean, scores.mean())
    assert iou.absent == tuple(name for name, score in zip(CLASS_NAMES, scores, strict=False) if np.isnan(score))
    present = scores[~np.isnan(scores)]
    assert equal(iou.mean_of_present, present.mean() if len(present) else np.nan)
    land = target != UNKNOWN
    assert equal(iou.without_unknown.per_class, plain_iou(pred[land], target[land]))
    assert equal(iou.without_unknown.mean, plain_iou(pred[land], target[land]).mean())


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_maps_longer_than_a_chunk_are_counted_whole(seed, threads, monkeypatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: threads)
    random = np.random.default_rng(seed)
    pred, target = random.integers(0, 7, (2, 1, threads * CPU_CHUNK + seed))
    expected = np.bincount((target * 7 + pred).ravel(), minlength=49).reshape(7, 7)
    assert course_iou(pred, target).confusion.tolist() == expected.tolist()


def test_confusion_rows_are_the_targets_classes():
    confusion = course_iou(np.full((2, 3), 4), np.full((2, 3), 6)).confusion
    assert confusion.dtype == torch.int64 and confusion.shape == (7, 7)
    assert confusion[6, 4] == confusion.sum() == 6


@pytest.mark.parametrize("seed", CASES[:10])
def test_batches_add_up_in_any_order(seed):
    random = np.random.default_rng(seed)
    pred, target = random.integers(0, 7, (2, 9, 5, 7))
    whole = course_iou(pred, target)
    order = random.permutation(9)
    parts = [course_iou(pred[rows], target[rows]) for rows in np.split(order, [2, 3, 3])]  # one batch is empty
    total = parts[0] + parts[1] + parts[2] + parts[3]
    assert torch.equal(total.confusion, whole.confusion) and total.per_class == whole.per_class
    transposed = course_iou(torch.from_numpy(pred).permute(2, 0, 1), torch.from_numpy(target).permute(2, 0, 1))
    assert torch.equal(transposed.confusion, whole.confusion)


def test_unknown_pixels_of_the_target_are_false_positives_unless_left_out():
    target = torch.tensor([[0, 0, 6, 6]])
    iou = course_iou(torch.tensor([[0, 0, 0, 6]]), target)
    assert iou.per_class[0] == pytest.approx(2 / 3)
    assert iou.without_unknown.per_class[0] == 1


def test_maps_of_unknown_only_have_no_score_and_say_so():
    iou = course_iou(torch.full((3, 3), 6), torch.full((3, 3), 6))
    assert iou.absent == CLASS_NAMES[:6]
    assert math.isnan(iou.mean) and math.isnan(iou.mean_of_present)
    assert "absent: Urban, Agriculture" in repr(iou)


def test_one_class_scores_one_and_the_mean_stays_the_scripts_nan():
    iou = course_iou(torch.full((3, 3), 2), torch.full((3, 3), 2))
    assert iou.per_class[2] == 1 and iou.mean_of_present == 1 and math.isnan(iou.mean)


def test_pure_red_pixels_of_a_mask_are_unknown():
    red = palette.class_ids(np.tile(np.array([255, 0, 0], np.uint8), (4, 4, 1)))
    assert course_iou(np.zeros((4, 4), np.uint8), red).confusion[UNKNOWN, 0] == 16


@pytest.mark.parametrize(
    ("pred", "target", "message"),
    [
        (torch.zeros(2, 7, 4, 4), torch.zeros(2, 4, 4, dtype=int), r"pred is torch.float32 of .*argmax\(dim=1\)"),
        (np.zeros((4, 4), int), np.zeros((4, 4), bool), "target is torch.bool"),
        (np.zeros((2, 4, 4), int), np.zeros((2, 1, 4, 4), int), r"pred has shape \(2, 4, 4\), target \(2, 1, 4, 4\)"),
        (np.zeros(4, int), np.zeros(4, int), r"pred has shape \(4,\), but must be a label map"),
        (np.full((4, 4), 7), np.zeros((4, 4), int), "pred holds the class id 7, outside 0 to 6"),
        (np.zeros((4, 4), int), np.full((4, 4), -1), "target holds the class id -1"),
        (np.zeros((4, 4), int), np.full((4, 4), 256), "target holds the class id 256"),
        (np.zeros((4, 4), int), np.full((4, 4), 255, np.uint8), "target holds the class id 255.*class_ids"),
    ],
)
@pytest.mark.parametrize("score", [course_iou, lambda pred, target: boundary_iou(pred, target, 1)])
def test_maps_that_cannot_be_scored_are_an_error(score, pred, target, message):
    with pytest.raises(ValueError, match=message):
        score(pred, target)


def test_a_device_is_never_waited_for_while_counting():
    # A tensor on "meta" has no values: whatever reads one, and so would wait for a device, raises there.
    pred, target = torch.zeros(2, 2, 16, 16, dtype=torch.int64, device="meta")
    pooled = course_iou(pred, target) + course_iou(pred.to(torch.uint8), target) + boundary_iou(pred, target, 2)
    assert pooled.table.device.type == "meta"


def test_a_device_counts_as_the_cpu_does():
    pred, target = torch.randint(0, 7, (2, 5001), generator=torch.Generator().manual_seed(0))
    assert torch.equal(_count_on_device(pred, target), _count_on_cpu(pred, target))


def test_ids_that_a_device_let_pass_raise_when_a_number_is_read():
    counted = _count_on_device(torch.tensor([0, 9, -1]), torch.tensor([0, 0, 0])).view(8, 8)
    good = course_iou(torch.zeros(1, 1, dtype=int), torch.zeros(1, 1, dtype=int))
    pooled = good + type(good)(counted)
    with pytest.raises(ValueError, match="pred holds 2 pixels whose class id lies outside 0 to 6"):
        _ = pooled.mean


@pytest.mark.parametrize("seed", CASES[:12])
def test_boundary_iou_is_that_of_the_eroded_masks(seed):
    random = np.random.default_rng(seed)
    target = np.kron(random.integers(0, 7, (3, 3, 4)), np.ones((1, 7, 6), int))
    pred = np.where(random.random(target.shape) < 0.05, random.integers(0, 7, target.shape), np.roll(target, 1, 1))
    width = int(random.integers(1, 6))
    assert equal(boundary_iou(pred.astype(np.uint8), target, width).per_class, plain_boundary_iou(pred, target, width))


def test_a_band_as_wide_as_the_image_is_the_whole_image():
    pred, target = np.random.default_rng(0).integers(0, 7, (2, 3, 8, 8))
    assert boundary_iou(pred, target, 8).per_class == course_iou(pred, target).per_class


def test_a_band_without_width_is_refused():
    with pytest.raises(ValueError, match="width=0 must be at least 1"):
        boundary_iou(np.zeros((2, 2), int), np.zeros((2, 2), int), 0)


def test_area_shares_are_those_of_the_pixels():
    target = np.random.default_rng(0).choice(7, (4, 9, 5), p=[0.1, 0.6, 0.1, 0.1, 0.05, 0.05, 0])
    shares = area_share(target)
    assert equal(shares, np.bincount(target.ravel(), minlength=7) / target.size)
    assert shares[6] == 0 and shares.sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="no pixel"):
        area_share(np.zeros((0, 4, 4), int))


# An ideal network ------------------------------------------------------------------------------------------------


def test_a_grid_of_single_pixels_or_one_class_changes_nothing():
    masks = torch.randint(7, (2, 16, 24), dtype=torch.uint8)
    assert torch.equal(through_a_grid(masks, 1), masks)
    assert torch.equal(through_a_grid(torch.full_like(masks, 3), 8), torch.full_like(masks, 3))


def test_a_straight_border_between_cells_stays_and_a_thin_line_goes():
    masks = torch.zeros(1, 32, 32, dtype=torch.uint8)
    masks[..., 16:] = 2
    assert torch.equal(through_a_grid(masks, 8), masks)
    masks[:, 4:6] = 4
    assert (through_a_grid(masks, 8) != 4).all()


def test_a_mask_upside_down_is_drawn_upside_down():
    scores = torch.rand(1, 7, 8, 8, generator=torch.Generator().manual_seed(0))
    masks = torch.nn.functional.interpolate(scores, (32, 32), mode="bicubic").argmax(1)
    agree = through_a_grid(masks.flip(1), 4) == through_a_grid(masks, 4).flip(1)
    assert agree.float().mean() > 0.99, "but for ties"
