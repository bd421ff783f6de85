"""Differences over seeds: their intervals are scipy's, and what is called clear follows from them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from dlcvlib import metrics, runs, views
from dlcvlib.metrics.course_iou import LAND_CLASSES
from dlcvlib.runs import Run

random = np.random.default_rng(1)


@pytest.mark.parametrize(("first", "second"), [(5, 3), (3, 3), (2, 7)])
def test_independent_seeds_have_welch_s_interval(first: int, second: int) -> None:
    one, other = random.random(first), random.random(second)
    oracle = stats.ttest_ind(one, other, equal_var=False)
    difference = metrics.difference_of_means(one, other)
    assert difference.freedom == pytest.approx(oracle.df)
    assert difference.value / difference.error == pytest.approx(oracle.statistic)
    assert difference.interval == pytest.approx(tuple(oracle.confidence_interval(0.95)))
    assert difference.clear == (oracle.pvalue < 0.05)


def test_pairs_have_the_interval_of_the_paired_test() -> None:
    one, other = random.random(4), random.random(4)
    oracle = stats.ttest_rel(one, other)
    difference = metrics.mean_of_differences(one - other)
    assert difference.interval == pytest.approx(tuple(oracle.confidence_interval(0.95)))


def test_more_than_two_standard_errors_of_three_seeds_are_not_clear() -> None:
    """A difference of 2.3 standard errors, p = .145: the interval of few seeds is wider than that of many."""
    one, other = [0.10, 0.20, 0.30], [0.0651, 0.0655, 0.0659]
    assert stats.ttest_ind(one, other, equal_var=False).pvalue == pytest.approx(0.145, abs=0.001)
    difference = metrics.difference_of_means(one, other)
    assert difference.value > 2 * difference.error
    assert not difference.clear


def test_shares_of_images_have_a_normal_interval() -> None:
    difference = metrics.difference_of_shares(0.3, 400, 0.6, 900)
    low, high = stats.norm.interval(0.95, difference.value, difference.error)
    assert difference.interval == pytest.approx((low, high))


def test_what_is_not_known_is_not_clear() -> None:
    assert not metrics.Difference(0.5, math.nan).clear
    assert not metrics.Difference(0.0, 0.0).clear
    assert metrics.difference_of_means([0.5, 0.5], [0.4, 0.4]).clear
    with pytest.raises(ValueError, match="at least 2 of them, got 1"):
        metrics.mean_of_differences([0.1])


def segmentation(
    root: Path, name: str, seed: int, classes: dict[str, float], mean: float = 0.5, record: int | None = None
) -> Run:
    """A finished record with the IoU of each class; one that starts from our_byol of the seed `record`, if given."""
    run = Run(root / "quick" / name / f"seed{seed}")
    best = {"epoch": 1, "mean_iou": mean} | {f"iou_{each.lower()}": value for each, value in classes.items()}
    own = {"from": "record", "title": "BYOL (ours)", "record": f"quick/our_byol/seed{record}"}
    start = {"from": "random"} if record is None else own
    info = {"recipe": {"name": name, "title": name.title()}, "profile": "quick", "seed": seed, "best": best}
    runs.write_info(run, info | {"start": start})
    return run


def everywhere(changes: list[float]) -> dict[str, list[float]]:
    """The same change of every class, one for each seed."""
    return {name: list(changes) for name in LAND_CLASSES}


def systems(root: Path, changes: dict[str, list[float]], **more: int) -> list[list[Run]]:
    """Two systems of three seeds that differ by `changes`: the difference of each class at each seed."""
    level = [0.3, 0.5, 0.4]
    before = [segmentation(root, "old", seed, dict.fromkeys(LAND_CLASSES, level[seed])) for seed in range(3)]
    after = [
        segmentation(root, "new", seed, {each: level[seed] + changes[each][seed] for each in changes}, **more)
        for seed in range(3)
    ]
    return [before, after]


def test_classes_that_lost_are_named_beside_those_that_gained(tmp_path: Path) -> None:
    changes = everywhere([0.0, 0.01, -0.01])
    changes |= {"Water": [0.10, 0.11, 0.12], "Barren": [-0.20, -0.21, -0.22], "Forest": [-0.05, -0.06, -0.05]}
    words = views.iou_in_words(systems(tmp_path, changes))
    higher, lower = words.partition("Classes: ")[2].split(";")
    assert "clearly higher Water +11.0" in higher
    assert "clearly lower Barren −21.0 and Forest −5.3" in lower
    assert all(name not in words for name in ("Urban", "Rangeland"))


def test_without_a_clear_class_the_largest_rise_and_fall_are_told_as_not_clear(tmp_path: Path) -> None:
    changes = everywhere([0.0, 0.01, -0.01])
    changes |= {"Water": [0.10, -0.05, 0.12], "Barren": [-0.20, 0.10, -0.10]}
    words = views.iou_in_words(systems(tmp_path, changes))
    low, high = stats.ttest_1samp(changes["Water"], 0).confidence_interval(0.95)
    assert (
        f"none clearly higher, most but not clear Water +5.7 (95 % interval −{-100 * low:.1f} to +{100 * high:.1f})"
        in words
    )
    assert "none clearly lower, most but not clear Barren −6.7" in words


def test_the_largest_fall_is_told_beside_a_smaller_one_that_is_clear(tmp_path: Path) -> None:
    changes = everywhere([0.0, 0.01, -0.01])
    changes |= {"Water": [-0.30, 0.0, -0.35], "Forest": [-0.05, -0.06, -0.05]}
    assert "clearly lower Forest −5.3, most but not clear Water −21.7" in views.iou_in_words(systems(tmp_path, changes))


def test_a_direction_in_which_no_class_went_is_told(tmp_path: Path) -> None:
    words = views.iou_in_words(systems(tmp_path, everywhere([0.10, 0.11, 0.12])))
    assert "; none lower." in words


def test_a_mean_is_told_with_its_interval_and_number_of_seeds(tmp_path: Path) -> None:
    classes = dict.fromkeys(LAND_CLASSES, 0.4)
    low = [segmentation(tmp_path, "low", seed, classes, value) for seed, value in enumerate((0.30, 0.31))]
    high = [segmentation(tmp_path, "high", seed, classes, value) for seed, value in enumerate((0.50, 0.51, 0.52))]
    near = [segmentation(tmp_path, "near", seed, classes, value) for seed, value in enumerate((0.25, 0.37))]
    clear, luck = views.iou_in_words([low, high, near]).splitlines()
    assert "+20.5 points (95 % interval " in clear and "3 and 2 seeds): clear" in clear
    assert "2 paired seeds): not clear" in luck
    with pytest.raises(ValueError, match="at least two systems"):
        views.iou_in_words([low])


def test_a_segmentation_whose_seeds_start_from_one_pretraining_says_so(tmp_path: Path) -> None:
    changes = everywhere([0.10, 0.11, 0.12])
    assert "One pre-training**: all seeds of New start from BYOL (ours), seed 4" in views.iou_in_words(
        systems(tmp_path / "one", changes, record=4)
    )
    assert "pre-training" not in views.iou_in_words(systems(tmp_path / "none", changes))
