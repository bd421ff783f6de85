"""Load-or-train: the one call behind the chapters and the command line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock
from torch import nn

from dlcvlib import augment, data, paths, processes, recipes, runs
from dlcvlib.data import CourseData
from dlcvlib.processes import ProcessLostError
from dlcvlib.recipes import ClassificationRecipe, PretrainingRecipe, Recipe, SegmentationRecipe
from dlcvlib.runs import Run
from dlcvlib.training import device as devices
from dlcvlib.training.classification import Classification
from dlcvlib.training.info import finished_info, first_info, refuse_other_record
from dlcvlib.training.loop import TrainingCollapsedError, TrainingDivergedError, fit, seeded
from dlcvlib.training.prepare import (
    Images,
    PretrainingImages,
    build_method,
    build_model,
    labelled_set,
    labelled_source,
    load_images,
    unlabelled_images,
)
from dlcvlib.training.pretraining import SelfSupervised
from dlcvlib.training.probing import fit_classifier, probe
from dlcvlib.training.satellite import SatelliteImages, build_segmenter, satellite_images
from dlcvlib.training.segmentation import Segmentation
from dlcvlib.training.starting import GivenWeights, given_weights, start, start_segmenter

AnyImages = Images | PretrainingImages | SatelliteImages
AnyTask = Classification | SelfSupervised | Segmentation

PRETRAINING_SEED = 0
"""One pre-training serves the fine-tunings of every seed."""


def train(
    recipe: str | Recipe,
    *,
    profile: str,
    seed: int,
    data: CourseData | str | Path | None = None,
    weights: Path | None = None,
) -> Run:
    """Return the finished record, go on with a half-done one, or start one.

    Started by `torchrun`, all its processes train the one record together, whatever their number was before.

    Args:
        recipe: a name of `dlcvlib.recipes.RECIPES`, or a recipe.
        profile: one of `dlcvlib.recipes.PROFILES`.
        seed: of the initial weights, the order of images and every augmentation.
        data: what `dlcvlib.data.find` returned, or a root for it; None lets it search.
        weights: file of outside weights for a recipe that starts pre-trained; None looks in `$DLCV_WEIGHTS`, then
            downloads, then pre-trains with labels on Mini-ImageNet and says so in `run.json`.

    Raises:
        RecordMismatchError: the folder's record was made with other settings or data, or from other weights than those
            that were named.
        DamagedRecordError: a file of the record is damaged and cannot be made again.
        TrainingDivergedError: the loss became nan; the record keeps the last good checkpoint.
        TrainingCollapsedError: a pre-training came to say the same of every image; the record keeps its history.
        ProcessLostError: another of several processes is gone; the record keeps what was done.
        ValueError, FileNotFoundError: unknown recipe or profile; data or weights missing or not as they should be;
            weights named for a recipe that starts from none.
    """
    if not 0 <= seed < 2**31:
        raise ValueError(f"the seed is {seed}; it must be at least 0 and below 2^31")
    processes.join()
    named = recipes.get(recipe) if isinstance(recipe, str) else recipe
    asked = named.for_profile(profile)
    given = given_weights(asked, weights)
    course = _course(data)
    used = source_of(course, asked)
    images = images_of(used, asked)
    run = Run(runs.path_of(paths.runs_home(course.root), profile, asked.name, seed))
    if _is_finished(run):  # read without a lock, which a record in a read-only place could not have
        refuse_other_record(run, asked, images.fingerprint, given)
        run.verify()
        return run
    run.path.mkdir(parents=True, exist_ok=True)
    with _locked(run), _losses_told(run), augment.part_of_batch(processes.rank(), processes.world_size()):
        refuse_other_record(run, asked, images.fingerprint, given)
        if not processes.broadcast(run.finished):
            _train(run, asked, profile, seed, course, used, images, given)
        processes.barrier()  # until the first has written the last of it
    return run


def _is_finished(run: Run) -> bool:
    """Whether the first process finds the record finished, so that all decide alike."""
    return processes.broadcast(processes.is_first() and run.finished)


@contextmanager
def _locked(run: Run) -> Iterator[None]:
    """A second training of the same record waits here, then finds it finished."""
    if processes.is_first():
        with FileLock(run.path / ".lock"):
            processes.barrier()
            yield
    else:
        processes.barrier()
        yield


@contextmanager
def _losses_told(run: Run) -> Iterator[None]:
    """Say it in words when another process is gone."""
    try:
        yield
    except (RuntimeError, ProcessLostError) as error:
        if not processes.lost(error):
            raise
        raise ProcessLostError(
            f"{run.path}: {processes.name()} lost another one, so this training ends; the same command goes on after "
            f"epoch {run.epochs_done}, with any number of processes. Its own words: {error}"
        ) from error


def _course(given: CourseData | str | Path | None) -> CourseData:
    return given if isinstance(given, CourseData) else data.find(given)


def images_of(course: CourseData, recipe: Recipe) -> AnyImages:
    """The images that `recipe` trains on, decoded.

    Raises:
        FileNotFoundError: the data lack them.
    """
    if isinstance(recipe, PretrainingRecipe):
        return unlabelled_images(course, recipe)
    if isinstance(recipe, SegmentationRecipe):
        return satellite_images(course, recipe)
    assert isinstance(recipe, ClassificationRecipe)
    return load_images(labelled_set(course, recipe), recipe)


def source_of(course: CourseData, recipe: Recipe) -> CourseData:
    """The data that `recipe` trains on: `course`, or the toy world where it lacks the labels of Mini-ImageNet."""
    return labelled_source(course, recipe) if isinstance(recipe, ClassificationRecipe) else course


def _train(
    run: Run,
    recipe: Recipe,
    profile: str,
    seed: int,
    course: CourseData,
    used: CourseData,
    images: AnyImages,
    given: GivenWeights | None,
) -> None:
    begun = run.info or first_info(recipe, profile, seed, course, used, images.described, devices.choose_device())
    info = processes.broadcast(dict(begun))
    weights = given.file if given else None
    if info["status"] == "collapsed":
        raise TrainingCollapsedError(info["reason"])
    info.pop("reason", None)  # of an earlier divergence
    checkpoint = processes.broadcast(runs.resumable_checkpoint(run) if processes.is_first() else None)
    task: AnyTask
    train_record = partial(train, profile=profile, seed=PRETRAINING_SEED, data=course)
    with seeded(seed, 0):
        if isinstance(images, PretrainingImages):
            assert isinstance(recipe, PretrainingRecipe)
            task = _self_supervised(recipe, images, info)
        elif isinstance(images, SatelliteImages):
            assert isinstance(recipe, SegmentationRecipe)
            task = _segmentation(
                recipe, images, info, checkpoint, lambda model: start_segmenter(model, recipe, weights, train_record)
            )
        else:
            assert isinstance(recipe, ClassificationRecipe)
            task = _labelled(
                recipe, images, info, checkpoint, lambda model: start(model, recipe, course, weights, train_record)
            )
    _write_info(run, info | {"status": "training"})
    started = time.perf_counter()
    try:
        if isinstance(task, Classification) and task.recipe.trains == "classifier":
            progress = probe(task, run, seed)
        else:
            title = f"{recipe.name} ({profile})"
            progress = fit(task, run, seed=seed, snapshots=recipe.snapshots, title=title, checkpoint=checkpoint)
    except TrainingDivergedError as error:
        status = "collapsed" if isinstance(error, TrainingCollapsedError) else "diverged"
        _write_info(run, info | {"status": status, "reason": str(error)})
        raise
    if isinstance(task, Segmentation):
        processes.barrier()  # until the first has written the best weights
        task.write_best_masks(run)
    _write_info(run, finished_info(info | _of_the_network(task), progress, time.perf_counter() - started))
    if processes.is_first():
        runs.drop_previous_checkpoint(run)


def _write_info(run: Run, info: dict[str, Any]) -> None:
    if processes.is_first():
        runs.write_info(run, info)


def _self_supervised(recipe: PretrainingRecipe, images: PretrainingImages, info: dict[str, Any]) -> SelfSupervised:
    device = devices.choose_device()
    return SelfSupervised(recipe, build_method(recipe), images.images, device, devices.PRECISIONS[info["precision"]])


def _labelled(
    recipe: ClassificationRecipe,
    images: Images,
    info: dict[str, Any],
    checkpoint: str | None,
    start_from: Callable[[nn.Module], dict[str, Any]],
) -> Classification:
    """The task with the weights that it starts from; `info` is told where they come from."""
    model = build_model(recipe, images.num_classes)
    if checkpoint is None:  # its weights would replace any that are loaded here
        info["start"] = start_from(model)
    task = Classification(
        recipe,
        model,
        images.train,
        images.val,
        images.num_classes,
        devices.choose_device(),
        devices.PRECISIONS[info["precision"]],  # a record goes on in the precision it was begun in
        info["start"].get("normalisation", {}),
    )
    if recipe.classifier_first and checkpoint is None:
        fit_classifier(task)
    return task


def _segmentation(
    recipe: SegmentationRecipe,
    images: SatelliteImages,
    info: dict[str, Any],
    checkpoint: str | None,
    start_from: Callable[[nn.Module], dict[str, Any]],
) -> Segmentation:
    model = build_segmenter(recipe)
    if checkpoint is None:
        info["start"] = start_from(model)
    return Segmentation(
        recipe,
        model,
        images.train,
        images.val,
        devices.choose_device(),
        devices.PRECISIONS[info["precision"]],
        info["start"].get("normalisation", {}),
    )


def _of_the_network(task: AnyTask) -> dict[str, Any]:
    """Numbers of values in the network, and of those that training changed; a collapse, in words."""
    if isinstance(task, SelfSupervised):
        return {"parameters": _count(task.method.backbone.parameters()), "collapse": task.collapse}
    parameters = list(task.model.parameters())
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    return {"parameters": _count(parameters), "trained_parameters": _count(trained)}


def _count(parameters: Iterable[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)
