"""The training loop: epochs, checkpoints, history, snapshots. It knows no task and no figure.

Every epoch draws its chance from a seed of its own, so that an epoch begun again after a kill is the same epoch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from dlcvlib import processes, runs
from dlcvlib.progress import progress_bar
from dlcvlib.runs import Run
from dlcvlib.training.compilation import Compilation, uncompiled

LOSSES_READ_EVERY = 50
"""Steps between two looks at the losses: reading one makes a GPU wait."""


class TrainingDivergedError(RuntimeError):
    """The loss is no number any more."""


class TrainingCollapsedError(TrainingDivergedError):
    """The network says the same of every image."""


class Task(Protocol):
    """What the loop trains."""

    epochs: int
    steps: int
    """Steps an epoch."""
    score: str | None
    """The measure by which the best epoch is chosen, higher is better; None takes the last epoch."""
    shown: str
    """The measure beside the progress bar."""
    optimizer: torch.optim.Optimizer
    device: torch.device

    @property
    def networks(self) -> list[nn.Module]:
        """Those that a step runs, for torch.compile."""

    def batches(self) -> Iterable[Any]:
        """One epoch's batches, in an order drawn from torch's generator."""

    def before_step(self, step: int) -> None:
        """Set the learning rate, and whatever else changes, for this step of the whole training, counted from 0."""

    def loss(self, batch: Any) -> Tensor:
        """Scalar to go down."""

    def after_backward(self) -> None:
        """What is done to the gradients."""

    def after_step(self) -> None:
        """What follows an optimizer step, such as a moving average of weights."""

    def measure(self) -> dict[str, float]:
        """Measures for the history."""

    def write_snapshot(self, run: Run, epoch: int) -> None:
        """Keep what figures show of the network that was measured last."""

    def after_epoch(self, measures: dict[str, float]) -> None:
        """What follows an epoch, such as a learning rate that falls on a plateau."""

    def fault(self) -> str | None:
        """Why it is no use to go on, in words; None if it is."""

    def weights(self) -> dict[str, Tensor]:
        """What is kept of the best epoch."""

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""


@dataclass
class Progress:
    """How far a training has come."""

    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_score: float = -math.inf
    epoch_seconds: list[float] = field(default_factory=list)
    before: dict[str, float] = field(default_factory=dict)
    """Measures of the network before training."""


@contextmanager
def seeded(seed: int, epoch: int) -> Iterator[None]:
    """Draw from a generator of this seed and epoch inside, and leave the caller's as it was."""
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(1_000_003 * seed + epoch)
        if torch.cuda.is_available():  # where only dropout is drawn, for images that no other process has
            torch.cuda.manual_seed(1_000_003 * seed + epoch + 7919 * processes.rank())
        yield


def snapshot_epochs(epochs: int, at_most: int) -> set[int]:
    """Epochs to keep: 0 (before training) and at most so many others, evenly spread, the first and last among them."""
    return {0} | {round(epoch) for epoch in np.linspace(1, epochs, min(epochs, at_most))}


def fit(task: Task, run: Run, *, seed: int, snapshots: int, title: str = "", checkpoint: str | None = None) -> Progress:
    """Train to the last epoch.

    Args:
        task: built already, under `seeded(seed, 0)`.
        run: the record to write.
        seed: of every draw.
        snapshots: how many epochs to keep, see `snapshot_epochs`.
        title: shown before the progress bar.
        checkpoint: name of the checkpoint to resume from, see `runs.resumable_checkpoint`; None to begin.

    Returns:
        the history and the best epoch.

    Raises:
        TrainingDivergedError: a loss became nan or infinite; epoch, step and the last good checkpoint are named.
        TrainingCollapsedError: the task says why it is no use to go on.
    """
    kept = snapshot_epochs(task.epochs, snapshots)
    compilation = Compilation(task.networks, task.device)
    progress = _resume(task, run, checkpoint)
    if progress.epoch == 0 and 0 in kept:
        progress.before = processes.broadcast(task.measure())
        task.write_snapshot(run, 0)
    total = task.epochs * task.steps
    with progress_bar(title, total, "step", initial=progress.epoch * task.steps) as bar:
        while progress.epoch < task.epochs:
            epoch = progress.epoch + 1
            started = time.perf_counter()
            with seeded(seed, epoch):
                train_loss = _train_epoch(task, run, epoch, compilation, bar)
                with uncompiled():
                    measures = processes.broadcast(task.measure())
            rate = task.optimizer.param_groups[0]["lr"]
            row = {"epoch": epoch, "train_loss": train_loss, **measures, "learning_rate": rate}
            task.after_epoch(measures)
            progress.epoch = epoch
            progress.history.append(row)
            progress.epoch_seconds.append(time.perf_counter() - started)
            if task.score is None or measures[task.score] > progress.best_score:
                progress.best_epoch = epoch
                progress.best_score = measures[task.score] if task.score else -math.inf
            if epoch in kept:
                with uncompiled():
                    task.write_snapshot(run, epoch)
            if processes.is_first():
                _write(task, run, progress)
            if (fault := task.fault()) is not None:
                raise TrainingCollapsedError(f"{run.path}: stopped after epoch {epoch} of {task.epochs}: {fault}")
            bar.set_postfix_str(f"{task.shown} {measures[task.shown]:.3f}", refresh=False)
    compilation.take_back()  # what follows a training evaluates, in batches of other sizes
    return progress


def _resume(task: Task, run: Run, checkpoint: str | None) -> Progress:
    """Load the checkpoint; what was written after it is overwritten by the same epoch, done again."""
    if checkpoint is None:
        return Progress()
    state = runs.read_checkpoint(run, checkpoint)
    task.load_state_dict(state["task"])
    progress = Progress(**state["progress"])
    processes.barrier()  # else one might read what another writes anew
    if processes.is_first():
        _write_figures(task, run, progress)  # the kill may have come between the checkpoint and these
    return progress


def _write(task: Task, run: Run, progress: Progress) -> None:
    runs.write_checkpoint(run, {"progress": vars(progress), "task": task.state_dict()})
    _write_figures(task, run, progress)


def _write_figures(task: Task, run: Run, progress: Progress) -> None:
    """The history, and the weights where the last epoch is the best."""
    runs.write_history(run, progress.history)
    if progress.best_epoch == progress.epoch:
        runs.write_weights(run, task.weights(), {"epoch": str(progress.epoch)})


def _train_epoch(task: Task, run: Run, epoch: int, compilation: Compilation, bar: tqdm) -> float:
    """One pass over the data; the mean loss of its steps."""
    unread: list[Tensor] = []
    losses: list[float] = []
    started = time.perf_counter()
    for number, batch in enumerate(task.batches()):
        unread.append(step(task, batch, (epoch - 1) * task.steps + number))
        bar.update()
        if len(unread) == LOSSES_READ_EVERY or number + 1 == task.steps:
            losses += processes.all_reduce_mean(torch.stack(unread).float()).tolist()
            _refuse_divergence(losses, run, epoch)
            taken, started = time.perf_counter() - started, time.perf_counter()
            compilation.timed(taken / len(unread), (task.epochs - epoch + 1) * task.steps - number - 1)
            unread.clear()
    return sum(losses) / len(losses)


def step(task: Task, batch: Any, number: int) -> Tensor:
    """Learn from one batch, without waiting for the device; `number` counts the training's steps from 0.

    Returns:
        its loss, a scalar on the device.
    """
    task.before_step(number)
    task.optimizer.zero_grad(set_to_none=True)
    loss = task.loss(batch)
    loss.backward()
    task.after_backward()
    task.optimizer.step()
    task.after_step()
    return loss.detach()


def _refuse_divergence(losses: list[float], run: Run, epoch: int) -> None:
    for number, loss in enumerate(losses, start=1):
        if not math.isfinite(loss):
            file = run.path / "checkpoint.pt"
            good = (
                f"the last good checkpoint is {file} (epoch {epoch - 1})" if epoch > 1 else "there is no checkpoint yet"
            )
            raise TrainingDivergedError(
                f"{run.path}: the loss became {loss} in epoch {epoch}, step {number}; {good}. "
                "A lower learning rate, or fp32 in place of bf16 (DLCV_PRECISION=fp32), is the usual cure."
            )
