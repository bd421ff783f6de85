"""Frozen backbone, settings D and E: its features are cached, and the classifier is fitted to convergence."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dlcvlib import processes, runs
from dlcvlib.models import LinearClassifier
from dlcvlib.runs import Run
from dlcvlib.training.device import autocast
from dlcvlib.training.distribution import broadcast_weights
from dlcvlib.training.images import LabelledImages
from dlcvlib.training.linear_probe import Fit, fit_with_chosen_decay
from dlcvlib.training.loop import Progress, seeded, weight_epochs
from dlcvlib.training.tasks.base import prepare_images

if TYPE_CHECKING:
    from dlcvlib.training.tasks.classification import Classification


def probe(task: Classification, run: Run, seed: int) -> Progress:
    """Fit the classifier of `task` on cached features; write the record's history, snapshots and weights.

    The history has one row: the fit has no epochs, it runs until the gradient vanishes. It takes seconds, so an
    interrupted one begins again.

    Args:
        task: its model is a `LinearClassifier`.
        run: the record to write.
        seed: of the split that chooses the weight decay.
    """
    kept = weight_epochs({0, 1}, task.recipe.kept_weights)
    before = processes.broadcast(task.evaluate())
    task.write_snapshot(run, 0)
    started = time.perf_counter()
    with seeded(seed, 1):
        fit, accuracy = fit_classifier(task)
    measures = processes.broadcast(task.evaluate())
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
        if kept:
            runs.write_weights_at(run, 1, task.weights())
        runs.write_history(run, [row])
        runs.write_weights(run, task.weights(), {"epoch": "1"})
    return Progress(1, [row], 1, measures["val_accuracy"], [time.perf_counter() - started], before)


def fit_classifier(task: Classification) -> tuple[Fit, float]:
    """Load the classifier of lowest loss on the frozen backbone into the task's model.

    Every training image counts twice, as it is and mirrored. A moving average of weights starts again from here.

    Returns:
        the fit, and its accuracy on the training images.
    """
    model = task.model
    assert isinstance(model, LinearClassifier)
    images = task.train_images
    features = torch.cat([cached_features(task, model, images, mirrored) for mirrored in (False, True)])
    labels = images.labels.repeat(2)
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
    """Return features (N, D) float32 of unaugmented images; in eval mode, so BatchNorm statistics stay fixed."""
    model.eval()
    found = []
    for part in processes.shard(images.images.split(task.evaluation_batch)):
        turned = (part.flip(-1) if mirrored else part).to(task.device)
        prepared = prepare_images(turned, task.recipe.image_size, task.normalisation, {})
        with autocast(task.device, task.precision):
            found.append(model.backbone(prepared).float())
    return processes.gather(found)
