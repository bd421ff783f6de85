"""Synthetic run records: classes that come apart over the epochs, as in a training that succeeds."""

from pathlib import Path

import numpy as np

from dlcvlib.runs import Run, write_history, write_info, write_snapshot


def growing_features(epochs: int, points: int, width: int, classes: int, seed: int = 0):
    """Features (N, D) of each epoch and labels (N,): noise at first, classes apart at the end."""
    random = np.random.default_rng(seed)
    labels = np.arange(points) % classes
    centres = random.normal(size=(classes, width))
    own = random.normal(size=(points, width))
    features = []
    for epoch in range(epochs):
        own = own + 0.2 * random.normal(size=own.shape)
        apart = 0.8 * epoch / max(epochs - 1, 1)
        features.append(np.maximum(apart * centres[labels] + own, 0).astype(np.float32))
    return features, labels


def record(path: Path, epochs=4, points=200, width=24, classes=5, seed=0, **info) -> Run:
    """A finished classification record with a snapshot of every epoch, the untrained network included."""
    run = Run(path)
    features, labels = growing_features(epochs + 1, points, width, classes, seed)
    random = np.random.default_rng(seed + 1)
    for epoch, values in enumerate(features):
        wrong = random.random(points) > epoch / (epochs + 1)
        predicted = np.where(wrong, random.integers(0, classes, points), labels)
        arrays = {
            "features": values.astype(np.float16),
            "labels": labels.astype(np.int64),
            "indices": np.arange(points, dtype=np.int64) + 7,
            "predicted": predicted.astype(np.int64),
            "confidence": random.uniform(1 / classes, 1, points).astype(np.float16),
        }
        write_snapshot(run, epoch, arrays)
    rows = [
        {
            "epoch": epoch,
            "train_loss": 2.0 / epoch,
            "val_loss": 2.2 / epoch + 0.02 * epoch,
            "train_accuracy": 1 - 1 / (epoch + 1),
            "val_accuracy": 0.9 - 0.9 / (epoch + 1),
            "learning_rate": 0.1 / epoch,
            "seconds": 1.5,
        }
        for epoch in range(1, epochs + 1)
    ]
    write_history(run, rows)
    best = {"epoch": epochs, "val_accuracy": rows[-1]["val_accuracy"]}
    recipe = {"name": "r1_small_cnn", "title": "Small CNN", "report": "R1"}
    defaults = {"status": "finished", "seed": seed, "profile": "smoke", "recipe": recipe, "best": best}
    write_info(run, {**defaults, "timings": {"minutes": 0.5}, **info})
    return run
