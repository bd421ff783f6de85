"""Load-or-train: the one call behind the chapters and the command line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock

from dlcvlib import augment, data, paths, processes, recipes, runs
from dlcvlib.data import CourseData
from dlcvlib.errors import ProcessLostError, TrainingCollapsedError, TrainingDivergedError
from dlcvlib.recipes import Recipe
from dlcvlib.runs import Run
from dlcvlib.training import device as devices
from dlcvlib.training.images import Images
from dlcvlib.training.info import finished_info, first_info, refuse_other_record
from dlcvlib.training.loop import seeded
from dlcvlib.training.start import GivenWeights, WeightSource, given_weights
from dlcvlib.training.tasks import Task, task_class

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
    """Return the finished record, resume an unfinished one, or begin one.

    Recipes with equal settings in this profile share one record, see `dlcvlib.runs.record_of`.

    Started by `torchrun`, all ranks train the one record together; their number may differ from the last time.

    Args:
        recipe: a name of `dlcvlib.recipes.RECIPES`, or a recipe.
        profile: one of `dlcvlib.recipes.PROFILES`.
        seed: of the initial weights, the order of images and every augmentation.
        data: return value of `dlcvlib.data.find`, or a root for it; None searches.
        weights: file of outside weights for a recipe that starts pre-trained; None looks in `$DLCV_WEIGHTS`, then
            downloads, then pre-trains with labels on Mini-ImageNet and says so in `run.json`.

    Raises:
        RecordMismatchError: the folder's record was made with other settings or data, or from other weights than those
            that were named.
        DamagedRecordError: a file of the record is damaged and cannot be made again.
        TrainingDivergedError: the loss became nan; the record keeps the last good checkpoint.
        TrainingCollapsedError: a pre-training collapsed; the record keeps its history.
        ProcessLostError: another rank is gone; the record keeps the finished epochs.
        ValueError, FileNotFoundError: unknown recipe or profile; data or weights missing or unusable; weights named
            for a recipe that starts from none.
    """
    if not 0 <= seed < 2**31:
        raise ValueError(f"the seed is {seed}; it must be at least 0 and below 2^31")
    processes.join()
    named = recipes.get(recipe) if isinstance(recipe, str) else recipe
    asked = named.for_profile(profile)
    of_the_book = recipes.RECIPES.get(named.name) == named
    if of_the_book and seed != recipes.KEPT_SEED:
        asked = replace(asked, kept_weights=0)
    given = given_weights(asked, weights)
    course = _course(data)
    home = paths.runs_home(course.root)
    if given is None and of_the_book:
        shared = processes.broadcast(runs.record_of(home, profile, named.name, seed))
        if shared.labels:
            train(shared.path.parent.name, profile=profile, seed=seed, data=course)
            return shared
    images = task_class(asked).load_images(course, asked)
    run = Run(runs.path_of(home, profile, asked.name, seed))
    if processes.broadcast(processes.is_first() and run.finished):  # read without a lock: its folder may be read-only
        refuse_other_record(run, asked, images.fingerprint, given)
        run.verify()
        return run
    run.path.mkdir(parents=True, exist_ok=True)
    with _locked(run), _naming_lost_ranks(run), augment.part_of_batch(processes.rank(), processes.world_size()):
        refuse_other_record(run, asked, images.fingerprint, given)
        if not processes.broadcast(run.finished):
            _train(run, asked, profile, seed, course, images, given)
        processes.barrier()  # until the first rank has written its last file
    return run


@contextmanager
def _locked(run: Run) -> Iterator[None]:
    """Make a second training of the same record wait here; it finds the record finished."""
    if processes.is_first():
        with FileLock(run.path / ".lock"):
            processes.barrier()
            yield
    else:
        processes.barrier()
        yield


@contextmanager
def _naming_lost_ranks(run: Run) -> Iterator[None]:
    """Raise a readable error when another rank is gone."""
    try:
        yield
    except (RuntimeError, ProcessLostError) as error:
        if not processes.lost(error):
            raise
        raise ProcessLostError(
            f"{run.path}: {processes.name()} lost another one, so this training ends; the same command resumes after "
            f"epoch {run.epochs_done}, with any number of processes. Original error: {error}"
        ) from error


def _course(given: CourseData | str | Path | None) -> CourseData:
    return given if isinstance(given, CourseData) else data.find(given)


def _train(
    run: Run,
    recipe: Recipe,
    profile: str,
    seed: int,
    course: CourseData,
    images: Images,
    given: GivenWeights | None,
) -> None:
    begun = run.info or first_info(recipe, profile, seed, course, images, devices.choose_device())
    info = processes.broadcast(dict(begun))
    if info["status"] == "collapsed":
        raise TrainingCollapsedError(info["reason"])
    info.pop("reason", None)  # of an earlier divergence
    checkpoint = processes.broadcast(runs.resumable_checkpoint(run) if processes.is_first() else None)
    train_record = partial(train, profile=profile, seed=PRETRAINING_SEED, data=course)
    source = WeightSource(course, given.file if given else None, train_record)
    with seeded(seed, 0):
        task = _build(recipe, images, info, source, resumes=checkpoint is not None)
    _write_info(run, info | {"status": "training"})
    started = time.perf_counter()
    try:
        progress = task.train(run, seed=seed, title=f"{recipe.name} ({profile})", checkpoint=checkpoint)
    except TrainingDivergedError as error:
        status = "collapsed" if isinstance(error, TrainingCollapsedError) else "diverged"
        _write_info(run, info | {"status": status, "reason": str(error)})
        raise
    task.finish(run)
    _write_info(run, finished_info(info | task.facts(), progress, time.perf_counter() - started))
    if processes.is_first():
        runs.drop_previous_checkpoint(run)


def _build(
    recipe: Recipe, images: Images, info: dict[str, Any], source: WeightSource, *, resumes: bool
) -> Task[Any, Any]:
    """Build the task; unless it resumes, load its initial weights and describe them in `info["start"]`."""
    kind = task_class(recipe)
    network = kind.build_network(recipe, images.num_classes)
    if not resumes:
        info["start"] = kind.load_start(network, recipe, source)
    precision = devices.PRECISIONS[info["precision"]]  # a record is resumed in the precision that it was begun in
    normalisation = info["start"].get("normalisation", {})
    task = kind(recipe, network, images, devices.choose_device(), precision, normalisation)
    if not resumes:
        task.prepare_start()
    return task


def _write_info(run: Run, info: dict[str, Any]) -> None:
    if processes.is_first():
        runs.write_info(run, info)
