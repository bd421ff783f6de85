"""Errors of a training, which need no torch: the command line tells them from bugs by their class."""

from __future__ import annotations


class TrainingDivergedError(RuntimeError):
    """The loss became nan or infinite."""


class TrainingCollapsedError(TrainingDivergedError):
    """The network maps every image to the same output."""


class RecordMismatchError(RuntimeError):
    """The record's folder holds a training with other settings, data or initial weights than those asked for."""


class ProcessLostError(RuntimeError):
    """Another process of the same training run is gone."""
