"""The training loop: epochs, checkpoints, history, snapshots, weights. It knows no kind of training.

Every epoch draws from a seed of its own, so an epoch that is repeated after a crash is the same epoch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from dlcvlib import processes, runs
from dlcvlib.errors import TrainingCollapsedError, TrainingDivergedError
from dlcvlib.progress import progress_bar
from dlcvlib.runs import Run

if TYPE_CHECKING:
    from dlcvlib.training.tasks.base import Task

LOSSES_READ_EVERY = 50
"""Steps between two readings of the losses: reading one waits for the GPU."""


class Callback:
    """Hooks of the loop, none of which does anything."""

    def after_steps(self, seconds_per_step: float, steps_left: int) -> None:
        """Called after each window of steps, `steps_left` before the end of the whole training."""

    def evaluating(self) -> AbstractContextManager[None]:
        """Return the context that evaluation and snapshots run in."""
        return nullcontext()

    def after_training(self) -> None:
        """Called after the last epoch."""


@dataclass
class Progress:
    """Progress of a training: what a checkpoint holds besides the task."""

    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_score: float = -math.inf
    epoch_seconds: list[float] = field(default_factory=list)
    before: dict[str, float] = field(default_factory=dict)
    """Columns of the history before the first epoch."""


@contextmanager
def seeded(seed: int, epoch: int) -> Iterator[None]:
    """Seed torch's generators with this seed and epoch inside; restore the caller's state afterwards."""
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(1_000_003 * seed + epoch)
        if torch.cuda.is_available():  # draws dropout only, which differs between ranks
            torch.cuda.manual_seed(1_000_003 * seed + epoch + 7919 * processes.rank())
        yield


def snapshot_epochs(epochs: int, at_most: int) -> set[int]:
    """Epochs with a snapshot: 0 (before training) and at most `at_most` others, evenly spaced, first and last too."""
    return {0} | {round(epoch) for epoch in np.linspace(1, epochs, min(epochs, at_most))}


def weight_epochs(shown: set[int], at_most: int) -> set[int]:
    """Epochs whose weights are kept: at most `at_most` of `shown`, those with a snapshot, but none before training.

    They are evenly spaced, first and last included.

    Raises:
        ValueError: `at_most` is negative.
    """
    if at_most < 0:
        raise ValueError(f"kept_weights={at_most} must be at least 0")
    epochs = sorted(shown - {0})
    return {epochs[round(place)] for place in np.linspace(0, len(epochs) - 1, min(len(epochs), at_most))}


def evaluated_epochs(epochs: int, every: int, kept: set[int]) -> set[int]:
    """Epochs after which the network is evaluated: each `every`-th, first and last, and `kept`, those with a snapshot.

    Raises:
        ValueError: `every` is below 1.
    """
    if every < 1:
        raise ValueError(f"evaluate_every={every} must be at least 1")
    return {1, epochs, *range(every, epochs + 1, every), *kept}


def fit(
    task: Task[Any, Any],
    run: Run,
    *,
    seed: int,
    snapshots: int,
    title: str = "",
    checkpoint: str | None = None,
    callback: Callback | None = None,
) -> Progress:
    """Train to the last epoch.

    Args:
        task: built under `seeded(seed, 0)`.
        run: the record to write.
        seed: of all random draws.
        snapshots: number of snapshots, see `snapshot_epochs`.
        title: shown before the progress bar.
        checkpoint: name of the checkpoint to resume from, see `runs.resumable_checkpoint`; None to begin.
        callback: hooks.

    Returns:
        the history and the best epoch.

    Raises:
        TrainingDivergedError: a loss, also that of an evaluation, became nan or infinite; epoch and the last good
            checkpoint are named.
        TrainingCollapsedError: the task gave a reason to stop early.
    """
    callback = callback or Callback()
    shown = snapshot_epochs(task.epochs, snapshots)
    kept = weight_epochs(shown, task.recipe.kept_weights)
    evaluated = evaluated_epochs(task.epochs, task.recipe.evaluate_every, shown)
    measure = task.recipe.measure
    progress = _resume(task, run, checkpoint)
    if progress.epoch == 0 and 0 in shown:
        progress.before = processes.broadcast(task.evaluate())
        task.write_snapshot(run, 0)
    with progress_bar(title, task.epochs * task.steps, "step", initial=progress.epoch * task.steps) as bar:
        while progress.epoch < task.epochs:
            epoch = progress.epoch + 1
            started = time.perf_counter()
            with seeded(seed, epoch):
                train_loss = _train_epoch(task, run, epoch, callback, bar)
                measures = {}
                if epoch in evaluated:
                    with callback.evaluating():
                        measures = processes.broadcast(task.evaluate())
            for name, loss in measures.items():
                if name.endswith("_loss"):
                    _refuse_divergence(loss, run, epoch, f"the {name.removesuffix('_loss')} loss")
            rate = task.optimizer.param_groups[0]["lr"]
            progress.history.append({"epoch": epoch, "train_loss": train_loss, **measures, "learning_rate": rate})
            if measures:
                task.after_epoch(measures)
            progress.epoch = epoch
            progress.epoch_seconds.append(time.perf_counter() - started)
            if not task.chooses_best or (measures and measures[measure] > progress.best_score):
                progress.best_epoch = epoch
                progress.best_score = measures[measure] if task.chooses_best else -math.inf
            if epoch in shown:
                with callback.evaluating():
                    task.write_snapshot(run, epoch)
            if processes.is_first():
                if epoch in kept:
                    runs.write_weights_at(run, epoch, task.weights())
                _write(task, run, progress)
            if (reason := task.stop_reason()) is not None:
                raise TrainingCollapsedError(f"{run.path}: stopped after epoch {epoch} of {task.epochs}: {reason}")
            if measures:
                bar.set_postfix_str(f"{measure} {measures[measure]:.3f}", refresh=False)
    callback.after_training()
    return progress


def _resume(task: Task[Any, Any], run: Run, checkpoint: str | None) -> Progress:
    """Load the checkpoint; files written after it are overwritten by the same epoch, repeated."""
    if checkpoint is None:
        return Progress()
    state = runs.read_checkpoint(run, checkpoint)
    task.load_state_dict(state["task"])
    progress = Progress(**state["progress"])
    processes.barrier()  # before the first process writes what another may still read
    if processes.is_first():
        _write_history(task, run, progress)  # the crash may have come between the checkpoint and these
    return progress


def _write(task: Task[Any, Any], run: Run, progress: Progress) -> None:
    runs.write_checkpoint(run, {"progress": vars(progress), "task": task.state_dict()})
    _write_history(task, run, progress)


def _write_history(task: Task[Any, Any], run: Run, progress: Progress) -> None:
    """Write the history, and the weights if the last epoch is the best."""
    runs.write_history(run, progress.history)
    if progress.best_epoch == progress.epoch:
        runs.write_weights(run, task.weights(), {"epoch": str(progress.epoch)})


def _train_epoch(task: Task[Any, Any], run: Run, epoch: int, callback: Callback, bar: tqdm) -> float:
    """Train one epoch; return the mean loss of its steps."""
    unread: list[Tensor] = []
    losses: list[float] = []
    started = time.perf_counter()
    for index, batch in enumerate(task.batches()):
        unread.append(step(task, batch, (epoch - 1) * task.steps + index))
        bar.update()
        if len(unread) == LOSSES_READ_EVERY or index + 1 == task.steps:
            losses += processes.all_reduce_mean(torch.stack(unread).float()).tolist()
            for number, loss in enumerate(losses, start=1):
                _refuse_divergence(loss, run, epoch, f"the loss of step {number}")
            seconds, started = time.perf_counter() - started, time.perf_counter()
            callback.after_steps(seconds / len(unread), (task.epochs - epoch + 1) * task.steps - index - 1)
            unread.clear()
    return sum(losses) / len(losses)


def step(task: Task[Any, Any], batch: Any, number: int) -> Tensor:
    """Train on one batch, without waiting for the device; `number` counts the steps of the whole training from 0.

    Returns:
        its loss, a scalar on the device.
    """
    task.before_step(number)
    task.optimizer.zero_grad(set_to_none=True)
    loss: Tensor = task.trained(*task.inputs(batch))
    loss.backward()
    task.after_backward()
    task.optimizer.step()
    task.after_step()
    return loss.detach()


def _refuse_divergence(loss: float, run: Run, epoch: int, what: str) -> None:
    if not math.isfinite(loss):
        file = run.path / "checkpoint.pt"
        good = f"the last good checkpoint is {file} (epoch {epoch - 1})" if epoch > 1 else "there is no checkpoint yet"
        raise TrainingDivergedError(
            f"{run.path}: {what} became {loss} in epoch {epoch}; {good}. "
            "A lower learning rate, or fp32 in place of bf16 (DLCV_PRECISION=fp32), is the usual cure."
        )
