"""Content of `run.json`: written when a training begins, completed when it ends."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
from datetime import UTC, datetime
from typing import Any

import torch

from dlcvlib import processes, runs
from dlcvlib.data import CourseData
from dlcvlib.errors import RecordMismatchError
from dlcvlib.recipes import Recipe
from dlcvlib.runs import Run
from dlcvlib.training import device as devices
from dlcvlib.training.images import Images
from dlcvlib.training.loop import Progress
from dlcvlib.training.start import RANDOM, GivenWeights

PACKAGES = ("torch", "torchvision", "timm", "numpy", "safetensors")


def refuse_other_record(run: Run, recipe: Recipe, fingerprint: str, weights: GivenWeights | None = None) -> None:
    """Compare settings, data and initial weights of a record with those asked for.

    Args:
        run: the record; one that was not begun is never refused.
        recipe: as its profile reads it.
        fingerprint: of the images.
        weights: file that was named to start from; None accepts any start.

    Raises:
        RecordMismatchError: they differ; the message names the settings.
    """
    info = run.info
    if not info:
        return
    cure = f"Remove {run.path} to train again, or name another folder for records in DLCV_RUNS."
    if info["data"]["fingerprint"] != fingerprint:
        raise RecordMismatchError(f"{run.path} was trained on other data, from {info['data']['root']}. {cure}")
    asked = runs.as_json(recipe.as_dict())
    made_with = _with_defaults(recipe, info["recipe"])
    differing = [name for name in asked if made_with[name] != asked[name]]
    if info["status"] == "finished" and made_with["kept_weights"] > asked["kept_weights"]:
        differing.remove("kept_weights")  # what it holds besides does no harm
    if differing:
        changes = ", ".join(f"{name} was {made_with[name]!r} and is now {asked[name]!r}" for name in differing)
        raise RecordMismatchError(f"{run.path} was trained with other settings: {changes}. {cure}")
    if weights is not None and info["start"].get("sha256") != weights.sha256:
        begun_from = info["start"].get("title", "random weights")
        raise RecordMismatchError(f"{run.path} was trained from {begun_from}, not from {weights.file}. {cure}")


def _with_defaults(settings: Any, recorded: dict[str, Any]) -> dict[str, Any]:
    """Return the recorded settings, with the default of each one that an older version did not record."""
    complete = dict(recorded)
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.name not in recorded:
            complete[field.name] = runs.as_json(_default(field))
        elif dataclasses.is_dataclass(value) and isinstance(recorded[field.name], dict):
            complete[field.name] = _with_defaults(value, recorded[field.name])
    return complete


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def first_info(
    recipe: Recipe, profile: str, seed: int, course: CourseData, images: Images, device: torch.device
) -> dict[str, Any]:
    """Return the content that a training begins with.

    Args:
        recipe: as its profile reads it.
        profile: name of the profile.
        seed: of the training.
        course: the data that were asked for.
        images: to train on; from other data where the toy world stands in.
        device: to train on.
    """
    used = images.course
    stands_in = {} if used.root == course.root else {"stands_in_for": course.root.name}
    return {
        "schema": runs.SCHEMA,
        "recipe": runs.as_json(recipe.as_dict()),
        "profile": profile,
        "seed": seed,
        "status": "training",
        "start": RANDOM,
        "device": _hardware(device),
        "precision": devices.choose_precision(device),
        "data": {"root": used.root.name, "is_toy": used.is_toy, "fingerprint": images.fingerprint}
        | {"classes": images.num_classes, **images.facts, **stands_in},
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in PACKAGES},
        "timings": {"started": datetime.now(UTC).isoformat(timespec="seconds")},
    }


def _hardware(device: torch.device) -> str:
    count = processes.world_size()
    return devices.hardware(device) + (f", {count} processes" if count > 1 else "")


def finished_info(info: dict[str, Any], progress: Progress, seconds: float) -> dict[str, Any]:
    """Return the content of a finished training.

    Args:
        info: content that it began with.
        progress: its history.
        seconds: since the last start.
    """
    return info | {
        "status": "finished",
        "before": progress.before,
        "best": progress.history[progress.best_epoch - 1],
        "last": progress.history[-1],
        "timings": info["timings"]
        | {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "minutes": sum(progress.epoch_seconds) / 60,
            "epoch_seconds": progress.epoch_seconds,
            "minutes_since_last_start": seconds / 60,
        },
    }
