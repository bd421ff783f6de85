"""Exercises and questions of chapter 3: neighbours, PCA, and maps that can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlcvlib import embedding, metrics
from dlcvlib.exercises.exercise import Answer, Case, Choice, Exercise, ExerciseSet, Question

# Neighbours ---------------------------------------------------------------------------------------------------------


def knn_accuracy(points: np.ndarray, labels: np.ndarray, k: int) -> float:
    """The library's leave-one-out kNN accuracy, by cosine."""
    return metrics.knn_accuracy(points, labels, k, "cosine")


def clustered(seed: int, *, count: int = 60, classes: int = 4, noise: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Features (count, 5), a direction for each class and any length, and labels (count,)."""
    drawn = np.random.default_rng(seed)
    labels = drawn.integers(classes, size=count)
    directions = drawn.normal(size=(classes, 5))
    points = directions[labels] + noise * drawn.normal(size=(count, 5))
    return points * np.exp(drawn.normal(size=(count, 1))), labels


def _five_neighbours(answer: Answer) -> Any:
    return answer(*clustered(1), 5)


def _one_neighbour(answer: Answer) -> Any:
    return answer(*clustered(2, count=80), 1)


def _two_neighbours(answer: Answer) -> Any:
    return answer(*clustered(3, count=90, noise=1.2), 2)


def _many_neighbours(answer: Answer) -> Any:
    return answer(*clustered(4, count=70, classes=3, noise=1.5), 20)


def _four_neighbours(answer: Answer) -> Any:
    return answer(*clustered(5, count=100, classes=6, noise=0.7), 4)


KNN_ACCURACY = Exercise(
    name="knn_accuracy",
    reference=knn_accuracy,
    cases=(
        Case("60 points, k = 5", _five_neighbours, "For one point: which are its 5 nearest others, and their classes?"),
        Case("k = 1", _one_neighbour, "The nearest *other* point decides alone."),
        Case("k = 2: many ties", _two_neighbours, "Two neighbours of two classes: which one is nearer?"),
        Case("k = 20", _many_neighbours, "Every neighbour has one vote."),
        Case("k = 4, six classes", _four_neighbours, "Two classes with two votes each: which has the nearest point?"),
    ),
    misconceptions={
        "counts_itself": "A point is its own nearest neighbour, and votes for its own class. With k = 1 you would "
        "get 1 on any data.",
        "farthest": "These are the farthest points: the largest cosine is the nearest, the largest distance is not.",
        "lengths_count": "Long feature vectors are everybody's neighbours: you compare dot products. The cosine knows "
        "directions only.",
        "euclidean": "You compare by Euclidean distance. Here the lengths of features should not count.",
        "ties_by_lowest_id": "A tie goes to the class of the lowest id, so class 0 is preferred. It should go to the "
        "class of the nearest among the tied.",
        "votes_by_distance": "Nearer points have more to say. That is another measure (weighted kNN); here each "
        "neighbour has one vote.",
    },
)

# PCA ----------------------------------------------------------------------------------------------------------------


def pca(features: np.ndarray) -> np.ndarray:
    """The library's first two principal components."""
    return embedding.pca_chain([features])[0]


def stretched(seed: int, count: int, width: int, *, far: float = 0.0) -> np.ndarray:
    """Features (count, width) of unequal variance in rotated directions, with a mean `far` from 0."""
    drawn = np.random.default_rng(seed)
    rotation = np.linalg.qr(drawn.normal(size=(width, width)))[0]
    return drawn.normal(size=(count, width)) * 2.0 ** -np.arange(width) @ rotation + far * drawn.normal(size=width)


def _projected(answer: Answer, features: np.ndarray) -> Any:
    """Coordinates up to the sign of each component, which is arbitrary."""
    points = np.asarray(answer(features))
    return {"std of the components": points.std(axis=0), "coordinates without sign": np.abs(points)}


def _mean_at_zero(answer: Answer) -> Any:
    features = stretched(1, 30, 6)
    return _projected(answer, features - features.mean(axis=0))


def _mean_elsewhere(answer: Answer) -> Any:
    return _projected(answer, stretched(2, 25, 4, far=3.0))


def _more_features_than_points(answer: Answer) -> Any:
    return _projected(answer, stretched(3, 12, 16, far=1.0))


def _unequal_columns(answer: Answer) -> Any:
    return _projected(answer, stretched(4, 40, 5, far=0.5) * [10, 1, 1, 0.1, 3])


PCA = Exercise(
    name="pca",
    reference=pca,
    cases=(
        Case("features of mean 0", _mean_at_zero, "The first component has the largest variance of all directions."),
        Case("features far from 0", _mean_elsewhere, "Variance is measured about the mean."),
        Case("16 features of 12 points", _more_features_than_points, "A row is a point, a column a feature."),
        Case("columns of unequal size", _unequal_columns, "PCA as defined above takes the features as they are."),
    ),
    misconceptions={
        "not_centred": "The first component points from 0 to the mean of the features. Subtract the mean first.",
        "rows_for_columns": "You subtract from each point the mean of *its own* features. The mean is that of "
        "all points, one for each feature.",
        "standardised": "Every feature is divided by its standard deviation. That is the PCA of the correlations; "
        "here large features should count more.",
        "smallest": "These are the directions of smallest variance. In which order does `eigh` return its values?",
        "whitened": "Both coordinates have the same variance. The singular values are missing: project the features "
        "onto the directions.",
    },
)

# Chain --------------------------------------------------------------------------------------------------------------


class _Search:
    """Stands in for t-SNE: maps by a fixed rule, and records what it was given."""

    def __init__(self, features: Sequence[np.ndarray]) -> None:
        self.features = features
        self.calls: list[str] = []
        self.maps: list[np.ndarray] = []
        self.epochs: list[int] = []

    def __call__(
        self, values: np.ndarray, init: str | np.ndarray = "pca", early_exaggeration: float = 12.0, **others: Any
    ) -> np.ndarray:
        epoch = next(index for index, each in enumerate(self.features) if np.array_equal(each, values))
        exaggerated = "" if early_exaggeration == 1 else ", exaggerated"
        self.calls.append(f"epoch {epoch} from {self._named(init)}{exaggerated}")
        self.epochs.append(epoch)
        self.maps.append(values[:, :2] + (0 if isinstance(init, str) else 0.5 * np.asarray(init)))
        return self.maps[-1]

    def _named(self, init: str | np.ndarray) -> str:
        if isinstance(init, str):
            return init
        known = (epoch for epoch, each in zip(self.epochs, self.maps, strict=True) if np.array_equal(each, init))
        return f"the map of {next(known, 'no epoch')}"


def _chained(answer: Answer, epochs: int) -> Any:
    drawn = np.random.default_rng(epochs)
    features = [drawn.normal(size=(6, 4)).round(3) for _ in range(epochs)]
    tsne = _Search(features)
    maps = answer(list(features), tsne)
    return {"calls": "; ".join(tsne.calls), "maps": [np.asarray(each) for each in maps]}


def _three_epochs(answer: Answer) -> Any:
    return _chained(answer, 3)


def _one_epoch(answer: Answer) -> Any:
    return _chained(answer, 1)


def _four_epochs(answer: Answer) -> Any:
    return _chained(answer, 4)


TSNE_CHAIN = Exercise(
    name="tsne_chain",
    reference=embedding.chained,
    cases=(
        Case("three epochs", _three_epochs, "Say for each epoch: where does its map start from?"),
        Case("one epoch", _one_epoch, "The first map starts from PCA, and is exaggerated as usual."),
        Case("four epochs", _four_epochs, "One map for each epoch, in the order of the epochs."),
    ),
    misconceptions={
        "separate_starts": "Every epoch starts from PCA anew. Its axes may flip or swap from one epoch to the next, "
        "and all points with them.",
        "random_starts": "Every epoch has its own random start, so points move though nothing was learnt.",
        "exaggerated_again": "Early exaggeration breaks a map up to form clusters. Later maps start from one that has "
        "them, and would be broken up each time.",
        "backward": "The chain runs from the last epoch to the first. The final classes then show in the "
        "map of an untrained network.",
        "always_from_the_first": "Every map starts from the first one. By the last epoch it is far from the map "
        "before, and the points have far to go.",
        "last_map_only": "One map is returned; there should be one for each epoch.",
    },
)

# Displacement -------------------------------------------------------------------------------------------------------


def _turned(degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _map(seed: int, count: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """A map (count, 2) wider than high, and a slightly changed one."""
    drawn = np.random.default_rng(seed)
    points = drawn.normal(size=(count, 2)) * [3.0, 1.0]
    return points, points + 0.3 * drawn.normal(size=(count, 2))


def _only_moved(answer: Answer) -> Any:
    before, after = _map(1)
    return answer(before - before.mean(axis=0), after - after.mean(axis=0) + [20, -9])


def _only_larger(answer: Answer) -> Any:
    before, after = _map(2)
    return answer(before - before.mean(axis=0), 4 * (after - after.mean(axis=0)))


def _only_turned(answer: Answer) -> Any:
    before, after = _map(3)
    return answer(before, after @ _turned(50))


def _mirrored(answer: Answer) -> Any:
    before, after = _map(4)
    return answer(before + 2, 3 * after @ _turned(20) * [1, -1] - 5)


def _the_same(answer: Answer) -> Any:
    before, _ = _map(5)
    return answer(before, before.copy())


def _unrelated(answer: Answer) -> Any:
    return answer(_map(6, 12)[0], _map(7, 12)[0])


DISPLACEMENT = Exercise(
    name="displacement",
    reference=metrics.displacement,
    cases=(
        Case("the second map is shifted", _only_moved, "A shift of the whole map is no movement of its points."),
        Case("the second map is four times as large", _only_larger, "The result is a share of the radius."),
        Case("the second map is turned", _only_turned, "Turn one map onto the other first."),
        Case("shifted, larger, turned and mirrored", _mirrored, "A mirrored map shows the same."),
        Case("the same map twice", _the_same, "Nothing moved."),
        Case("two unrelated maps", _unrelated, "The best rotation there is leaves a large distance."),
    ),
    misconceptions={
        "not_centred": "A shift of the whole map counts as movement. Subtract each map's mean first.",
        "not_scaled": "Maps of unequal size are compared as they are. t-SNE's maps grow over the epochs; divide each "
        "by its radius.",
        "no_mirror": "A mirrored map counts as moved. The best alignment may be a reflection: keep determinants of −1.",
        "rotated_the_wrong_way": "The maps are turned, but apart: the rotation is used the wrong way round. "
        "Try it on a map and the same map turned by 50 degrees: it should give 0.",
        "not_turned": "The maps are not turned onto each other. t-SNE knows no top and no bottom.",
        "summed": "The distances are added up, so a map of more points has moved further. Take the mean.",
        "root_mean_square": "This is the root of the mean square. A few far points count more in it than in the mean "
        "distance.",
    },
)

# Questions ----------------------------------------------------------------------------------------------------------

SAME_FEATURES_TWICE = Question(
    "same_features_twice",
    "The *same* features are mapped twice by t-SNE, from two random starts. How far apart are the two positions of a "
    "point, as a share of the map's radius, after the maps are aligned?",
    {
        "hardly": Choice(
            "Less than 0.1: the features are the same.",
            "t-SNE minimises a cost with many minima. Which one it ends in depends on the start.",
        ),
        "far": Choice(
            "Between 0.1 and 1.",
            "Neighbours stay together, while clusters can change places as a whole.",
        ),
        "unrelated": Choice(
            "More than 1, as two unrelated maps.",
            "Unrelated maps have about 1.2. Both maps have to show the same neighbours, which leaves less freedom.",
        ),
    },
)
LARGE_CLUSTER = Question(
    "large_cluster",
    "In a t-SNE map, one class has a large cluster and another a small one. Are the images of the first more varied?",
    {
        "yes": Choice(
            "Yes, their features are further apart.",
            "In a map that preserves distances they would be. t-SNE gives every point about as many neighbours, "
            "and so widens dense clusters.",
        ),
        "open": Choice(
            "The map does not tell.",
            "t-SNE evens densities out. To answer, measure the variance in feature space.",
        ),
        "no": Choice(
            "No, it is the other way round.",
            "The map does not show this either: sizes of clusters mean little in both directions.",
        ),
    },
    right="open",
)
ONE_BASIS = Question(
    "one_basis",
    "Somebody computes one PCA from the features of *all* epochs together, and projects each epoch onto it. What gets "
    "into the map of the first epoch?",
    {
        "nothing": Choice(
            "Nothing, a projection is only a way of looking.",
            "The directions of the projection were chosen with the features of all epochs.",
        ),
        "last_classes": Choice(
            "The directions in which the classes separate later.",
            "They have the largest variance, as trained features vary most. Of all directions the map of an untrained "
            "network would be seen along those it is going to learn.",
        ),
        "labels": Choice(
            "The labels.",
            "PCA never sees a label. What leaks are the later features.",
        ),
    },
    right="last_classes",
)

exercises = ExerciseSet(
    "03_feature_space",
    exercises=(PCA, KNN_ACCURACY, TSNE_CHAIN, DISPLACEMENT),
    questions=(SAME_FEATURES_TWICE, LARGE_CLUSTER, ONE_BASIS),
)
