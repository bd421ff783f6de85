"""Distributed training gives the same batches, gradients and records as a single process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import warm
from parts_of_a_batch import BATCH, LOSSES, drawn, learnt
from several_processes import BATCH as TRAINED_BATCH
from several_processes import RECIPES
from torch import Tensor
from training_worlds import write_mini_and_office, write_satellite

from dlcvlib import augment, recipes, runs
from dlcvlib.recipes import ClassificationRecipe, PretrainingRecipe, SegmentationRecipe
from dlcvlib.runs import Run
from dlcvlib.training import distribution
from dlcvlib.training.tasks import task_class

HERE = Path(__file__).resolve().parent
FP32 = {"DLCV_PRECISION": "fp32"}


def torchrun(script: str, *arguments: object, **variables: str) -> warm.Process:
    """Start a script of this folder in two processes, as a user does."""
    launch = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", str(HERE / script)]
    return warm.Process([*launch, *map(str, arguments)], env=os.environ | FP32 | variables)


def run(number: int, script: str, *arguments: object, **variables: str) -> str:
    """Run a script of this folder in `number` processes with torchrun's variables; return what they print."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    environment = os.environ | FP32 | variables
    if number > 1:
        environment |= address | {"WORLD_SIZE": str(number), "LOCAL_WORLD_SIZE": str(number)}
    ranks = ({"RANK": str(rank), "LOCAL_RANK": str(rank)} if number > 1 else {} for rank in range(number))
    command = [str(HERE / script), *map(str, arguments)]
    processes = [warm.Process(command, env=environment | rank) for rank in ranks]
    while any(process.poll() is None for process in processes) and not any(process.poll() for process in processes):
        time.sleep(0.05)
    for process in processes:
        if any(other.poll() for other in processes):
            process.kill()  # it would wait for the one that failed
        process.wait()
    assert not any(process.returncode for process in processes), [process.output() for process in processes]
    return "".join(process.output()[0] for process in processes)


# ---- a batch in parts

AUGMENTATIONS: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor] | Tensor]] = {
    "flip": lambda images, masks: augment.horizontal_flip(images),
    "crop": lambda images, masks: augment.random_crop(images, 16, padding=4),
    "resized crop": lambda images, masks: augment.random_resized_crop(images, 12),
    "rotation": lambda images, masks: augment.random_rotation(images, 30, probability=0.5),
    "jitter": lambda images, masks: augment.colour_jitter(images, 0.4, 0.4, 0.4, 0.1, probability=0.6),
    "grey": lambda images, masks: augment.grey(images, 0.5),
    "solarize": lambda images, masks: augment.solarize(images, probability=0.5),
    "blur": lambda images, masks: augment.gaussian_blur(images, 5, probability=0.5),
    "erasing": lambda images, masks: augment.random_erasing(images),
    "auto augment": lambda images, masks: augment.auto_augment((images * 255).byte()),
    "pairs, dihedral": lambda images, masks: augment.pairs.random_dihedral(images, masks),
    "pairs, rotation": lambda images, masks: augment.pairs.random_rotation(images, masks, probability=0.5),
    "pairs, scale and crop": lambda images, masks: augment.pairs.random_scale_crop(images, masks, 10, (0.8, 2.0)),
}


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("parts", [2, 3])
def test_a_batch_augmented_in_parts_comes_out_as_the_whole(name: str, parts: int) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(12, 3, 16, 16, generator=generator)
    masks = torch.randint(0, 7, (12, 16, 16), generator=generator, dtype=torch.uint8)

    def augmented(place: int, of: int) -> tuple[list[Tensor], Tensor]:
        torch.manual_seed(5)
        with augment.part_of_batch(place, of):
            made = AUGMENTATIONS[name](images.chunk(of)[place], masks.chunk(of)[place])
        return list(made) if isinstance(made, tuple) else [made], torch.rand(1)

    whole, after = augmented(0, 1)
    in_parts = [augmented(place, parts) for place in range(parts)]
    for number, expected in enumerate(whole):
        assert not torch.equal(expected, (images, masks)[number])
        torch.testing.assert_close(torch.cat([made[number] for made, _ in in_parts]), expected, rtol=0, atol=1e-6)
    assert all(torch.equal(next_drawn, after) for _, next_drawn in in_parts), "what is drawn next must be alike too"


@pytest.fixture(scope="module")
def everyones(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    out = tmp_path_factory.mktemp("parts") / "out.pt"
    process = torchrun("parts_of_a_batch.py", out)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return torch.load(out, weights_only=True)


@pytest.mark.parametrize("loss", LOSSES)
def test_two_processes_learn_from_a_batch_what_one_does(everyones: list[dict[str, Any]], loss: str) -> None:
    expected = learnt(loss)
    for mine in everyones:
        assert mine["learnt"][loss].keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(mine["learnt"][loss][name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_every_image_is_seen_once_by_one_process_and_in_the_batch_in_which_one_would_see_it(
    everyones: list[dict[str, Any]],
) -> None:
    rows, shared, _ = drawn(3)
    together = torch.cat([mine["drawn"][0] for mine in everyones], dim=1)
    assert torch.equal(together, rows) and together.shape == (50 // BATCH, BATCH)
    assert len(together.unique()) == together.numel()
    assert all(torch.equal(mine["drawn"][1], shared) for mine in everyones), "augmentation must draw alike"
    assert len({mine["drawn"][2].item() for mine in everyones}) == 2, "dropout must not draw alike"


def test_what_was_dealt_out_comes_together_in_order_and_the_first_decides(everyones: list[dict[str, Any]]) -> None:
    for mine in everyones:
        assert mine["together"][:, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
        assert mine["agreed"] == 0


def test_a_batch_that_cannot_be_shared_evenly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlcvlib.processes.world_size", lambda: 5)
    assert distribution.batch_size(40, 100) == 40
    with pytest.raises(ValueError, match=r"64 images cannot be shared evenly by 5 processes.*one of 1, 2, 4, 8, 16"):
        distribution.batch_size(64, 100)


# ---- whole trainings


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_mini_and_office(root, times=12)
    write_satellite(root / "p3_data", pairs=45)
    return root


def record(home: Path, recipe: str) -> Run:
    return runs.load(home / "smoke" / recipe / "seed0")


@pytest.fixture(scope="module")
def homes(world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Return the records of one process with batches of 64, and of two with 32 each."""
    homes = {number: tmp_path_factory.mktemp(f"runs{number}") for number in (1, 2)}
    for number, home in homes.items():
        pretrained = home / "smoke" / "small_byol"
        if number == 2:  # the fine-tunings are to begin alike
            shutil.copytree(homes[1] / "smoke" / "small_byol", pretrained)
            run(2, "several_processes.py", world, "small_finetuning", DLCV_RUNS=str(home))
            shutil.rmtree(pretrained)
        printed = run(number, "several_processes.py", world, DLCV_RUNS=str(home))
        lines = [line for line in printed.splitlines() if "finished" in line]
        assert len(lines) == len(RECIPES), "one process speaks"
    return homes


@pytest.mark.parametrize("name", RECIPES)
def test_two_processes_follow_one(homes: dict[int, Path], name: str) -> None:
    one, two = (record(home, name) for home in homes.values())
    assert TRAINED_BATCH == 64 and two.info["device"].endswith("2 processes")
    losses = [run.history["train_loss"].tolist() for run in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=2e-3)
    ahead, behind = one.weights(), two.weights()
    assert ahead.keys() == behind.keys()
    for key in ahead:
        torch.testing.assert_close(behind[key], ahead[key], rtol=0.02, atol=0.02, msg=f"{name}: {key}")


def test_the_same_snapshots_and_masks_are_written(homes: dict[int, Path]) -> None:
    for name in RECIPES:
        one, two = (record(home, name) for home in homes.values())
        assert two.snapshot_epochs == one.snapshot_epochs
        assert two.weight_epochs == one.weight_epochs == [1, 2]
        assert two.weights_at(2).keys() == one.weights_at(2).keys() == one.weights().keys()
    one, two = (record(home, "small_segmentation").best_masks() for home in homes.values())
    assert one.keys() == two.keys() and len(one) == 45
    agreeing = [float((one[name] == two[name]).mean()) for name in one]
    assert min(agreeing) > 0.99, "masks that another process predicted must not stay empty"


@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_process_ends_the_job_and_one_process_goes_on_where_it_was(
    world: Path, homes: dict[int, Path], tmp_path: Path, lost: int
) -> None:
    home = {"DLCV_RUNS": str(tmp_path)}
    process = torchrun("several_processes.py", world, "small_segmentation", KILL_AT=f"{lost}:2", **home)
    _, errors = process.communicate(timeout=300)
    assert process.returncode != 0
    assert f"process {2 - lost} of 2 lost another one" in errors and "resumes after epoch 1" in errors
    assert "Signal 9 (SIGKILL)" in errors, "torchrun names the cause"
    begun = record(tmp_path, "small_segmentation")
    assert begun.info["status"] == "training" and begun.epochs_done == 1

    run(1, "several_processes.py", world, "small_segmentation", **home)
    finished = record(tmp_path, "small_segmentation")
    assert finished.finished
    expected = record(homes[1], "small_segmentation").history
    assert finished.history["train_loss"].tolist() == pytest.approx(expected["train_loss"].tolist(), rel=2e-3)


def test_a_job_that_is_called_off_says_where_it_goes_on(world: Path, tmp_path: Path) -> None:
    """A cluster ends a job with SIGTERM to torchrun, which forwards it."""
    process = torchrun("several_processes.py", world, "small_dino", DLCV_RUNS=str(tmp_path))
    history = tmp_path / "smoke" / "small_dino" / "seed0" / "history.csv"
    while process.poll() is None and not history.is_file():
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode != 0 and "resumes after epoch" in errors


# ---- what DistributedDataParallel asks of a network


SHAPING = (
    "model",
    "model_options",
    "image_size",
    "tile",
    "head",
    "trains",
    "auxiliary_weight",
    "method",
    "method_options",
)
"""Settings that decide which parameters there are and take part in a step."""


def of_different_networks() -> list[str]:
    """Names of recipes, one for each network."""
    found = {}
    for name in sorted(recipes.RECIPES):
        recipe = recipes.get(name).for_profile("full")
        found.setdefault(repr((type(recipe), *(getattr(recipe, setting, None) for setting in SHAPING))), name)
    return list(found.values())


@pytest.mark.parametrize("name", of_different_networks())
def test_a_step_gives_every_trained_parameter_a_gradient(name: str) -> None:
    """All processes would wait for a parameter without gradient."""
    recipe = recipes.get(name).for_profile("full")
    with torch.device("meta"):
        if isinstance(recipe, PretrainingRecipe):
            network: Any = task_class(recipe).build_network(recipe, 7)
            views = [torch.rand(2, 3, view.size, view.size) for view in recipe.views for _ in range(view.count)]
            loss = network.loss(views, 0)
        elif isinstance(recipe, SegmentationRecipe):
            network = task_class(recipe).build_network(recipe, 7)
            images = torch.rand(2, 3, side := recipe.tile or recipe.image_size, side)
            loss = sum(part.sum() for part in network(images, with_auxiliary=True)) if recipe.auxiliary_weight else None
            loss = network(images).sum() if loss is None else loss
        else:
            assert isinstance(recipe, ClassificationRecipe)
            network = task_class(recipe).build_network(recipe, 7)
            loss = network(torch.rand(2, 3, recipe.image_size, recipe.image_size)).sum()
        loss.backward()
    trained = {key: value for key, value in network.named_parameters() if value.requires_grad}
    assert trained
    assert [key for key, value in trained.items() if value.grad is None] == []
