"""Figures of merit: of a classifier's predictions, and of a map of its features."""

from dlcvlib.metrics.accuracy import accuracy, confusion_matrix
from dlcvlib.metrics.maps import displacement, silhouette, trustworthiness
from dlcvlib.metrics.neighbours import knn_accuracy

__all__ = ["accuracy", "confusion_matrix", "displacement", "knn_accuracy", "silhouette", "trustworthiness"]
