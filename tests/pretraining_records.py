"""Synthetic records of pre-trainings and of fine-tuning settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from embedding_records import growing_features

from dlcvlib.recipes import EXTRA, SETTINGS
from dlcvlib.runs import Run, write_history, write_info, write_snapshot

CLASSES = 5
COLLAPSE = "the projections of different images are all but one point (spread 0.010, where about 1 is healthy)"


def pretraining(path: Path, method="byol", epochs=8, points=60, collapsed=(), without=(), **info) -> Run:
    """A finished pre-training with a snapshot of every epoch; `collapsed` are epochs, `without` columns left out."""
    run = Run(path)
    rows = []
    for epoch in range(1, epochs + 1):
        dead = epoch in collapsed
        share = 1 - 0.8**epoch
        row = {
            "epoch": epoch,
            "train_loss": 4.0 * 0.85**epoch,
            "knn": 0.2 + (0.0 if dead else 0.5 * share),
            "probe": 0.25 + (0.0 if dead else 0.6 * share),
            "feature_spread": 0.02 if dead else 0.9 - 0.2 * share,
            "rank_me": 1.3 if dead else 10 + 40 * share,
            "drift": 0.3 * 0.9**epoch,
        }
        if method == "byol":
            row |= {"output_spread": 0.01 if dead else 0.6 + 0.3 * share}
        else:
            row |= {"teacher_entropy": 6.1 - 4 * share, "teacher_information": 0.0 if dead else 3 * share}
        row |= {"collapsed": float(dead), "learning_rate": 0.001}
        rows.append({name: value for name, value in row.items() if name not in without})
    write_history(run, rows)
    features, labels = growing_features(epochs + 1, points, 24, CLASSES)
    for epoch, values in enumerate(features):
        arrays = {"features": values.astype(np.float16), "labels": labels, "indices": np.arange(points) + 7}
        write_snapshot(run, epoch, arrays)
    options = {"out_dim": 512} if method == "dino" else {"hidden": 256, "out": 64}
    defaults = {
        "status": "finished",
        "recipe": {
            "name": f"our_{method}",
            "title": f"{method.upper()} (ours)",
            "method": method,
            "method_options": options,
            "epochs": epochs,
        },
        "data": {"monitored": "mini", "classes": CLASSES, "val_images": points, "is_toy": False},
        "before": {"knn": 0.22, "probe": 0.27},
        "collapse": COLLAPSE if epochs in collapsed else None,
    }
    write_info(run, defaults | info)
    return run


def finetuning(root: Path, setting: str, accuracy: float, seed=0, series="our_byol", recipe=None, **info) -> Run:
    """A finished run of one fine-tuning setting."""
    described = (SETTINGS | EXTRA)[setting]
    run = Run(root / "quick" / f"{series}_{setting.lower().replace(' ', '_')}" / f"seed{seed}")
    starts = {
        "random": {"from": "random"},
        "supplied": {"from": "record", "title": "ResNet50 with labels"},
        "ssl": {"from": "record", "title": "BYOL (ours)", "record": "quick/our_byol/seed0"},
    }
    defaults = {
        "status": "finished",
        "profile": "quick",
        "seed": seed,
        "recipe": {
            "name": run.path.parent.name,
            "title": f"Setting {setting} (ours, BYOL)",
            "setting": setting,
            "trains": described.trains,
            "classifier_first": setting == "LP-FT",
            "report": "R3",
            "model": "resnet18",
            "form": "reduced",
            "image_size": 32,
        }
        | (recipe or {}),
        "start": starts[described.init],
        "data": {"val_images": 400},
        "parameters": 11_209_345,
        "trained_parameters": 11_209_345 if described.trains == "model" else 33_345,
        "best": {"epoch": 3, "val_accuracy": accuracy},
        "timings": {"minutes": 2.0 + seed},
    }
    write_info(run, defaults | info)
    return run
