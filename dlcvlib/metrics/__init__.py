"""Metrics of classification, segmentation and embeddings."""

from dlcvlib.metrics.accuracy import accuracy, confusion_matrix
from dlcvlib.metrics.boundary_iou import boundary_iou
from dlcvlib.metrics.course_iou import IoU, area_share, course_iou
from dlcvlib.metrics.differences import (
    Difference,
    difference_of_means,
    difference_of_shares,
    mean_of_differences,
    share_error,
)
from dlcvlib.metrics.ideal_network import through_a_grid
from dlcvlib.metrics.maps import displacement, silhouette, trustworthiness
from dlcvlib.metrics.motion import neighbourhood_change
from dlcvlib.metrics.neighbours import (
    chance_purity,
    knn_accuracy,
    nearest_others,
    neighbour_purity,
    weighted_knn_accuracy,
)

__all__ = [
    "Difference",
    "IoU",
    "accuracy",
    "area_share",
    "boundary_iou",
    "chance_purity",
    "confusion_matrix",
    "course_iou",
    "difference_of_means",
    "difference_of_shares",
    "displacement",
    "knn_accuracy",
    "mean_of_differences",
    "nearest_others",
    "neighbour_purity",
    "neighbourhood_change",
    "share_error",
    "silhouette",
    "through_a_grid",
    "trustworthiness",
    "weighted_knn_accuracy",
]
