"""Load-or-train: the one call behind the chapters and the command line."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import nn

from dlcvlib import data, models, places, recipes, runs
from dlcvlib.data import CourseData
from dlcvlib.recipes import Recipe
from dlcvlib.runs import Run
from dlcvlib.training import device as devices
from dlcvlib.training.classification import Classification
from dlcvlib.training.loop import Progress, TrainingDivergedError, fit, seeded
from dlcvlib.training.prepare import Images, build_model, labelled_set, load_images, start_from_run

PACKAGES = ("torch", "torchvision", "timm", "numpy", "safetensors")


class RecordMismatchError(RuntimeError):
    """The record's folder holds another training than the one asked for."""


def train(
    recipe: str | Recipe,
    *,
    profile: str,
    seed: int,
    data: CourseData | str | Path | None = None,
    weights: Path | None = None,
) -> Run:
    """Return the finished record, go on with a half-done one, or start one.

    Args:
        recipe: a name of `dlcvlib.recipes.RECIPES`, or a recipe.
        profile: one of `dlcvlib.recipes.PROFILES`.
        seed: of the initial weights, the order of images and every augmentation.
        data: what `dlcvlib.data.find` returned, or a root for it; None lets it search.
        weights: file of outside weights for a recipe that starts pre-trained; None looks in `$DLCV_WEIGHTS`, then
            downloads, then pre-trains with labels on Mini-ImageNet and says so in `run.json`.

    Raises:
        RecordMismatchError: the folder's record was made with other settings or data.
        TrainingDivergedError: the loss became nan; the record keeps the last good checkpoint.
        ValueError, FileNotFoundError: unknown recipe or profile; data or weights missing or not as they should be.
    """
    named = recipes.get(recipe) if isinstance(recipe, str) else recipe
    course = _course(data)
    asked = named.for_profile(profile)
    images = load_images(labelled_set(course, asked), asked)
    run = Run(runs.path_of(places.runs_home(course.root), profile, asked.name, seed))
    run.path.mkdir(parents=True, exist_ok=True)
    with FileLock(run.path / ".lock"):  # a second process waits here, then finds the record finished
        _refuse_other_record(run, asked, images)
        if not run.finished:
            _train(run, asked, profile, seed, course, images, weights)
    return run


def _course(given: CourseData | str | Path | None) -> CourseData:
    return given if isinstance(given, CourseData) else data.find(given)


def _refuse_other_record(run: Run, recipe: Recipe, images: Images) -> None:
    """Compare what the record was made with to what is asked for."""
    info = run.info
    if not info:
        return
    cure = f"Remove {run.path} to train anew, or name another folder for records in DLCV_RUNS."
    if info["data"]["fingerprint"] != images.fingerprint:
        raise RecordMismatchError(f"{run.path} was trained on other data, from {info['data']['root']}. {cure}")
    asked = runs.as_json(recipe.as_dict())
    # A setting that a record of an older version does not name had its default.
    made_with = {field.name: field.default for field in dataclasses.fields(Recipe)} | info["recipe"]
    differing = [name for name in asked if made_with[name] != asked[name]]
    if differing:
        changes = ", ".join(f"{name} was {made_with[name]!r} and is now {asked[name]!r}" for name in differing)
        raise RecordMismatchError(f"{run.path} was trained with other settings: {changes}. {cure}")


def _train(
    run: Run, recipe: Recipe, profile: str, seed: int, course: CourseData, images: Images, weights: Path | None
) -> None:
    device = devices.choose_device()
    info = run.info or _first_info(recipe, profile, seed, course, images, device)
    precision = devices.PRECISIONS[info["precision"]]  # a record goes on in the precision it was begun in
    info.pop("reason", None)  # of an earlier divergence
    with seeded(seed, 0):
        model = build_model(recipe, images.num_classes)
        begun = (run.path / "checkpoint.pt").is_file()  # its weights will take the place of any that are loaded here
        if recipe.start == "pretrained" and not begun:
            info["start"] = _start_pretrained(model, recipe, profile, seed, course, weights)
        runs.write_info(run, info | {"status": "training"})
        normalisation = info["start"].get("normalisation", {})
        task = Classification(
            recipe, model, images.train, images.val, images.num_classes, device, precision, normalisation
        )
    started = time.perf_counter()
    try:
        progress = fit(task, run, seed=seed, snapshots=recipe.snapshots, title=f"{recipe.name} ({profile})")
    except TrainingDivergedError as error:
        runs.write_info(run, info | {"status": "diverged", "reason": str(error)})
        raise
    runs.write_info(run, _finished_info(info, progress, time.perf_counter() - started, model))


def _start_pretrained(
    model: nn.Module, recipe: Recipe, profile: str, seed: int, course: CourseData, weights: Path | None
) -> dict[str, Any]:
    """Give `model` the weights it starts from; never silently random ones.

    Returns:
        where they come from, for `run.json`.
    """
    if recipe.form == "smallest" and weights is None:
        because = "outside weights do not fit the smallest form"
    else:
        try:
            return _origin(models.pretrained(model, recipe.model, path=weights))
        except models.NoWeightsError as error:
            because = str(error)
    backbone = train(recipes.supervised_on_mini(recipe), profile=profile, seed=seed, data=course)
    return start_from_run(model, backbone, because)


def _origin(source: models.Source) -> dict[str, Any]:
    return {
        "from": source.kind,
        "title": Path(source.location).name,
        "sha256": source.sha256,
        "normalisation": {"mean": source.mean, "std": source.std},
    }


def _first_info(
    recipe: Recipe, profile: str, seed: int, course: CourseData, images: Images, device: torch.device
) -> dict[str, Any]:
    return {
        "recipe": runs.as_json(recipe.as_dict()),
        "profile": profile,
        "seed": seed,
        "status": "training",
        "start": {"from": "random"},
        "device": devices.hardware(device),
        "precision": devices.choose_precision(device),
        "data": {
            "root": course.root.name,
            "is_toy": course.is_toy,
            "fingerprint": images.fingerprint,
            "train_images": len(images.train.labels),
            "val_images": len(images.val.labels),
            "classes": images.num_classes,
        },
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in PACKAGES},
        "timings": {"started": datetime.now(UTC).isoformat(timespec="seconds")},
    }


def _finished_info(info: dict[str, Any], progress: Progress, seconds: float, model: nn.Module) -> dict[str, Any]:
    best = progress.history[progress.best_epoch - 1]
    return info | {
        "status": "finished",
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "best": best,
        "last": progress.history[-1],
        "timings": info["timings"]
        | {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "minutes": sum(progress.epoch_seconds) / 60,
            "epoch_seconds": progress.epoch_seconds,
            "minutes_since_last_start": seconds / 60,
        },
    }
