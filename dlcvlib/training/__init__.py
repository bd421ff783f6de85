"""Training: one loop, one file a task, and `train`, which returns a record finished, gone on with, or begun."""

from dlcvlib.processes import ProcessLostError
from dlcvlib.training.info import RecordMismatchError
from dlcvlib.training.load_or_train import train
from dlcvlib.training.loop import TrainingCollapsedError, TrainingDivergedError

__all__ = ["ProcessLostError", "RecordMismatchError", "TrainingCollapsedError", "TrainingDivergedError", "train"]
