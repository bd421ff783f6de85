"""Training: one loop, one file for each kind of training (`tasks`), and `train`, which is load-or-train."""

from dlcvlib.errors import ProcessLostError, RecordMismatchError, TrainingCollapsedError, TrainingDivergedError
from dlcvlib.training.load_or_train import train
from dlcvlib.training.loading import load_network

__all__ = [
    "ProcessLostError",
    "RecordMismatchError",
    "TrainingCollapsedError",
    "TrainingDivergedError",
    "load_network",
    "train",
]
