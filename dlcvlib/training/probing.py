"""Settings D and E: the backbone is frozen, its features are computed once, and the classifier is fitted on them."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from dlcvlib import processes, runs
from dlcvlib.models import LinearClassifier
from dlcvlib.runs import Run
from dlcvlib.training.classification import EVALUATION_BATCH, Classification, LabelledImages
from dlcvlib.training.device import autocast
from dlcvlib.training.distribution import broadcast_weights
from dlcvlib.training.linear_probe import Fit, fit_with_chosen_decay
from dlcvlib.training.loop import Progress, seeded


def probe(task: Classification, run: Run, seed: int) -> Progress:
    """Fit the classifier of `task` on cached features, and write the record's history, snapshots and weights.

    The one row of the history is the fit: there are no epochs, since it goes on until no gradient is left. It takes
    seconds, so an interrupted one begins anew.

    Args:
        task: its model is a `LinearClassifier`.
        run: the record to write.
        seed: of the split by which the weight decay is chosen.
    """
    before = processes.broadcast(task.measure())
    task.write_snapshot(run, 0)
    started = time.perf_counter()
    with seeded(seed, 1):
        fit, accuracy = fit_classifier(task)
    measures = processes.broadcast(task.measure())
    row = {
        "epoch": 1,
        "train_loss": fit.loss,
        **measures,
        "train_accuracy": accuracy,
        "learning_rate": 0.0,
        "weight_decay": fit.weight_decay,
        "iterations": fit.iterations,
        "largest_gradient": fit.largest_gradient,
    }
    task.write_snapshot(run, 1)
    if processes.is_first():
        runs.write_history(run, [row])
        runs.write_weights(run, task.weights(), {"epoch": "1"})
    return Progress(1, [row], 1, measures["val_accuracy"], [time.perf_counter() - started], before)


def fit_classifier(task: Classification) -> tuple[Fit, float]:
    """Put the classifier of lowest loss on the frozen backbone into the task's model.

    Every training image counts twice, as it is and mirrored. A moving average of the weights begins anew from here.

    Returns:
        the fit, and its accuracy on the training images.
    """
    model = task.model
    assert isinstance(model, LinearClassifier)
    features = torch.cat([cached_features(task, model, task.train, mirrored) for mirrored in (False, True)])
    labels = task.train.labels.repeat(2)
    fit = fit_with_chosen_decay(features, labels, model.classifier.out_features)
    with torch.no_grad():
        model.classifier.weight.copy_(fit.classifier.weight)
        model.classifier.bias.copy_(fit.classifier.bias)
        accuracy = (model.classifier(features).argmax(1) == labels).float().mean().item()
    broadcast_weights(model)
    if task.average is not None:
        task.average.module.load_state_dict(model.state_dict())
    return fit, accuracy


@torch.no_grad()
def cached_features(task: Classification, model: LinearClassifier, images: LabelledImages, mirrored: bool) -> Tensor:
    """Features (N, D) float32 of unaugmented images; in evaluation mode, so that no BatchNorm statistic moves."""
    model.eval()
    found = []
    for part in processes.shard(images.images.split(EVALUATION_BATCH)):
        prepared = task.prepare((part.flip(-1) if mirrored else part).to(task.device), {})
        with autocast(task.device, task.precision):
            found.append(model.backbone(prepared).float())
    return processes.gather(found)
