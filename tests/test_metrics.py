import numpy as np
import pytest
import torch

from dlcvlib.metrics import (
    accuracy,
    confusion_matrix,
    displacement,
    knn_accuracy,
    neighbourhood_change,
    silhouette,
    trustworthiness,
)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def turned(points: np.ndarray, angle: float) -> np.ndarray:
    return points @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def test_accuracy_of_logits_is_that_of_their_largest_entries():
    logits = torch.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0], [1.0, 0.0]])
    labels = torch.tensor([0, 1, 1, 0])
    assert accuracy(logits, labels) == accuracy(logits.argmax(1), labels) == 0.75


def test_confusion_rows_are_true_classes_and_its_diagonal_gives_accuracy(random):
    labels, predicted = random.integers(0, 7, 300), random.integers(0, 7, 300)
    matrix = confusion_matrix(predicted, labels, 7)
    assert matrix.sum(1).tolist() == np.bincount(labels, minlength=7).tolist()
    assert matrix.sum(0).tolist() == np.bincount(predicted, minlength=7).tolist()
    assert matrix.diag().sum().item() / 300 == pytest.approx(accuracy(predicted, labels))
    assert confusion_matrix(np.array([2]), np.array([5]), 7)[5, 2] == 1


def test_confusion_of_batches_adds_up(random):
    labels, predicted = random.integers(0, 5, 100), random.integers(0, 5, 100)
    parts = confusion_matrix(predicted[:40], labels[:40], 5) + confusion_matrix(predicted[40:], labels[40:], 5)
    assert torch.equal(parts, confusion_matrix(predicted, labels, 5))


@pytest.mark.parametrize(
    ("predicted", "labels", "message"),
    [
        (np.zeros(3, int), np.zeros(4, int), "3 predictions.*4 labels"),
        (np.zeros(0, int), np.zeros(0, int), "no image"),
        (np.full((2, 3), np.nan), np.zeros(2, int), "nan"),
        (np.zeros(3), np.zeros(3, int), "integer class ids"),
    ],
)
def test_predictions_that_cannot_be_judged_are_an_error(predicted, labels, message):
    with pytest.raises(ValueError, match=message):
        accuracy(predicted, labels)


def test_a_class_id_out_of_range_is_named():
    with pytest.raises(ValueError, match="labels holds class ids 0 to 9, outside 0 to 4"):
        confusion_matrix(np.array([0, 1]), np.array([0, 9]), 5)


def brute_force_knn(points: np.ndarray, labels: np.ndarray, k: int) -> float:
    right = 0
    for i, point in enumerate(points):
        order = [j for j in np.argsort(np.linalg.norm(points - point, axis=1), kind="stable") if j != i][:k]
        near = labels[order]
        counts = np.bincount(near)
        winner = next(label for label in near if counts[label] == counts.max())  # ties: the class met first
        right += winner == labels[i]
    return right / len(points)


@pytest.mark.parametrize("k", [1, 2, 10])
def test_knn_is_the_leave_one_out_vote_with_ties_to_the_nearest(random, k):
    labels = random.integers(0, 4, 1300)  # more rows than one chunk
    points = random.normal(size=(1300, 2)) + labels[:, None]
    assert knn_accuracy(points, labels, k, "euclidean") == pytest.approx(brute_force_knn(points, labels, k), abs=1e-3)


def test_cosine_knn_ignores_length(random):
    labels = np.arange(200) % 5
    points = random.normal(size=(200, 8)) + 2 * np.eye(8)[labels]
    lengths = random.uniform(0.1, 9, size=(200, 1))
    assert knn_accuracy(points * lengths, labels) == knn_accuracy(points, labels) > 0.5


def test_no_point_votes_for_itself():
    assert knn_accuracy(np.array([[0.0], [1.0]]), np.array([0, 1]), 1, "euclidean") == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 6}, "k must lie between 1 and 5"),
        ({"k": 0}, "k must lie between 1 and 5"),
        ({"metric": "manhattan"}, "'manhattan'"),
        ({"points": np.full((6, 2), np.inf)}, "nan or infinity"),
        ({"labels": np.zeros(4, int)}, r"\(6, 2\) and \(4,\)"),
    ],
)
def test_bad_input_to_knn_is_named(change, message):
    arguments = {"points": np.ones((6, 2)), "labels": np.zeros(6, int), "k": 2, **change}
    with pytest.raises(ValueError, match=message):
        knn_accuracy(**arguments)


def test_silhouette_is_high_for_classes_apart_and_near_zero_for_mixed_ones(random):
    labels = np.arange(100) % 2
    noise = random.normal(size=(100, 2))
    assert silhouette(noise + 50 * labels[:, None], labels) > 0.9
    assert abs(silhouette(noise, labels)) < 0.1


def test_silhouette_of_one_class_is_an_error():
    with pytest.raises(ValueError, match="needs 2 to 9 classes among 10 points, got 1"):
        silhouette(np.ones((10, 2)), np.zeros(10, int))


def test_trustworthiness_is_one_for_the_same_map_and_a_half_for_chance(random):
    points = random.normal(size=(300, 2))
    assert trustworthiness(points, turned(points, 1.0) * 7) == 1
    assert trustworthiness(points, random.normal(size=(300, 2))) == pytest.approx(0.5, abs=0.05)
    with pytest.raises(ValueError, match="below half of the 300 points"):
        trustworthiness(points, points, k=150)


def test_displacement_ignores_place_size_rotation_and_mirror(random):
    points = random.normal(size=(100, 2))
    assert displacement(points, turned(points, 2.0) * [4, -4] + [100, -3]) == pytest.approx(0, abs=1e-9)


def test_displacement_is_the_mean_movement_as_a_share_of_the_radius(random):
    points = random.normal(size=(4000, 2))
    points *= 5 / np.sqrt(((points - points.mean(0)) ** 2).sum(1).mean())
    angle = random.uniform(0, 2 * np.pi, 4000)
    moved = points + 0.5 * np.stack([np.cos(angle), np.sin(angle)], 1)
    assert displacement(points, moved) == pytest.approx(0.1, rel=0.02)
    assert displacement(moved, points) == pytest.approx(displacement(points, moved))
    assert displacement(points, random.permutation(points)) == pytest.approx(1.2, abs=0.1)


def test_a_map_without_extent_is_an_error(random):
    with pytest.raises(ValueError, match="radius 0"):
        displacement(np.zeros((5, 2)), random.normal(size=(5, 2)))
    with pytest.raises(ValueError, match="shapes"):
        displacement(random.normal(size=(4, 2)), random.normal(size=(5, 2)))


def test_neighbourhoods_change_by_the_share_of_neighbours_that_are_new(random):
    features = random.normal(size=(60, 8))
    assert neighbourhood_change(features, 3 * features) == 0  # cosine knows no length
    assert neighbourhood_change(features, random.permutation(features)) > 0.7
    corners = np.repeat(np.eye(4), 3, axis=0) + 0.01 * random.normal(size=(12, 4))  # four groups of three
    swapped = corners[[3, 1, 2, 0, *range(4, 12)]]  # one of the first group with one of the second
    # In both groups the newcomer has two new neighbours of two, each of the others one of two; 6 of 12 points stay.
    assert neighbourhood_change(corners, swapped, k=2) == pytest.approx((2 * 1 + 4 * 0.5) / 12)
    with pytest.raises(ValueError, match="the same points, got 12 and 11"):
        neighbourhood_change(corners, corners[:11])
