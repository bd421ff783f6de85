"""Figures of merit: of a classifier's predictions, and of a map of its features."""

from dlcvlib.metrics.accuracy import accuracy, confusion_matrix
from dlcvlib.metrics.differences import Difference, difference_of_means, difference_of_shares, share_error
from dlcvlib.metrics.maps import displacement, silhouette, trustworthiness
from dlcvlib.metrics.neighbours import (
    chance_purity,
    knn_accuracy,
    nearest_others,
    neighbour_purity,
    weighted_knn_accuracy,
)

__all__ = [
    "Difference",
    "accuracy",
    "chance_purity",
    "confusion_matrix",
    "difference_of_means",
    "difference_of_shares",
    "displacement",
    "knn_accuracy",
    "nearest_others",
    "neighbour_purity",
    "share_error",
    "silhouette",
    "trustworthiness",
    "weighted_knn_accuracy",
]
