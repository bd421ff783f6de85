"""Training: one loop, one file for each kind of training (`tasks`), and `train`, which is load-or-train."""

from dlcvlib.processes import ProcessLostError
from dlcvlib.training.info import RecordMismatchError
from dlcvlib.training.load_or_train import train
from dlcvlib.training.loop import TrainingCollapsedError, TrainingDivergedError

__all__ = ["ProcessLostError", "RecordMismatchError", "TrainingCollapsedError", "TrainingDivergedError", "train"]
