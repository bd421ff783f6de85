"""Training: one loop, one file a task, and `train`, which returns a record finished, gone on with, or begun."""

from dlcvlib.training.load_or_train import RecordMismatchError, train
from dlcvlib.training.loop import TrainingDivergedError

__all__ = ["RecordMismatchError", "TrainingDivergedError", "train"]
