"""The rows of each workload: the floor, ours, and other ways to do the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from dlcvlib import data
from dlcvlib.bench import plain_pytorch, plain_segmentation, tasks, torchvision_reference
from dlcvlib.bench.measuring import Steps
from dlcvlib.bench.turns import Row, Who
from dlcvlib.recipes import ClassificationRecipe, PretrainingRecipe, Recipe, SegmentationRecipe
from dlcvlib.training.device import PRECISIONS, Precision, choose_precision

try:
    from dlcvlib.bench import lightly_examples
except ImportError as missing:
    WITHOUT_LIGHTLY = f"lightly's rows ({missing}; `pip install -e '.[bench]'` installs it)"
else:
    WITHOUT_LIGHTLY = ""

Rows = dict[str, Row]


@contextmanager
def open_rows(recipe: Recipe, root: Path, device: torch.device, workers: Sequence[int]) -> Iterator[Rows]:
    """Name of each row of a workload to the row; ours stand first, so that they are measured whatever time is left."""
    with TemporaryDirectory() as temporary:
        yield _ours(recipe, root, device) | _others(recipe, root, Path(temporary), device, workers)


def require_images(recipe: Recipe, root: Path) -> None:
    """See that the data at `root` have at least a batch for `recipe`.

    Raises:
        ValueError: they hold fewer.
        FileNotFoundError: they lack the set.
    """
    found = tasks.image_count(tasks.images_of(recipe, root))
    if found < recipe.batch_size:
        raise ValueError(
            f"{root} holds {found} images for {recipe.name}, fewer than a batch of {recipe.batch_size}; "
            "--sizes takes smaller batches, --workloads others"
        )


def _ours(recipe: Recipe, root: Path, device: torch.device) -> Rows:
    precision = choose_precision(device)
    ours = (recipe, root, device, precision)
    rows: Rows = {
        f"floor: forward + backward, {precision}": Row("floor", partial(tasks.floor, *ours)),
        f"ours, on a resident batch, {precision}": Row("resident", partial(tasks.resident, *ours)),
        f"ours, {precision}": Row("ours", partial(tasks.ours, *ours)),
    }
    return rows | _not_chosen(recipe, root, device, precision)


def _not_chosen(recipe: Recipe, root: Path, device: torch.device, precision: Precision) -> Rows:
    """The floor in the other precision, in the other memory format and, on a GPU, compiled."""
    other = PRECISIONS["fp32" if precision == "bf16" else "bf16"]
    ways = {
        f"floor, {other}": partial(tasks.floor, recipe, root, device, other),
        f"floor, {precision}, not channels_last": partial(
            tasks.floor, recipe, root, device, precision, torch.contiguous_format
        ),
    }
    if device.type == "cuda":
        ways[f"floor, {precision}, compiled"] = partial(tasks.floor, recipe, root, device, precision, compiled=True)
    return {name: Row("choice", open_loop) for name, open_loop in ways.items()}


def _others(recipe: Recipe, root: Path, folders: Path, device: torch.device, workers: Sequence[int]) -> Rows:
    course = data.find(root)
    if isinstance(recipe, SegmentationRecipe):
        assert course.satellite is not None  # else there were no images
        split = course.satellite.train
        plain = partial(plain_segmentation.segmentation, recipe, split, device=device)
        reference = partial(torchvision_reference.segmentation, recipe, split, device=device)
        return _with_workers("plain loop, fp32", "plain", plain, workers) | _with_workers(
            "torchvision's reference, fp32", "torchvision", reference, workers
        )
    if isinstance(recipe, PretrainingRecipe):
        assert course.mini is not None
        plain_pytorch.class_folders(course.mini.train, folders)
        rows = _with_workers(
            "plain loop, fp32", "plain", partial(plain_pytorch.pretraining, recipe, folders, device=device), workers
        )
        return rows if WITHOUT_LIGHTLY else rows | _lightly(recipe, folders, device, workers)
    assert isinstance(recipe, ClassificationRecipe)
    image_set = getattr(course, recipe.dataset)
    plain_pytorch.class_folders(image_set.train, folders)
    classes = len(image_set.class_names)
    loop = partial(plain_pytorch.classification, recipe, classes, folders, device=device)
    return _with_workers("plain loop, fp32", "plain", loop, workers)


def _lightly(recipe: PretrainingRecipe, folders: Path, device: torch.device, workers: Sequence[int]) -> Rows:
    rows: Rows = {}
    for precision in dict.fromkeys((PRECISIONS["fp32"], choose_precision(device))):
        loop = partial(lightly_examples.pretraining, recipe, folders, device=device, precision=precision)
        rows |= _with_workers(f"lightly, {precision}", "lightly", loop, workers)
    return rows


def _with_workers(name: str, who: Who, loop: Callable[..., Steps], workers: Sequence[int]) -> Rows:
    """The same with each number of workers."""
    return {f"{name}, {number} workers": Row(who, partial(loop, workers=number), number) for number in workers}
