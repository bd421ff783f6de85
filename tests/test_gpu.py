"""On a GPU no step waits for the device, and a training fed from the disk is the one fed from the device's memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from training_worlds import (
    small_pretraining,
    small_recipe,
    small_segmentation,
    write_classification,
    write_mini_and_office,
    write_satellite,
)

from dlcvlib import train
from dlcvlib.recipes import Recipe
from dlcvlib.training import feed, loop

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

MIXED = [
    small_recipe(epochs=2, model_options={"width": 4, "dropout": 0.2}),
    small_pretraining("byol", epochs=2),
    small_pretraining("dino", epochs=2),
    small_segmentation(epochs=2, weight_average=0.9, ignore_unknown=True),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_classification(root)
    write_mini_and_office(root)
    write_satellite(root / "p3_data")
    return root


@contextmanager
def refusing_to_wait() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("recipe", MIXED, ids=lambda recipe: recipe.name)
def test_no_step_waits_for_the_device(
    recipe: Recipe, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = loop.step

    def unwaiting(*arguments: object) -> torch.Tensor:
        with refusing_to_wait():
            return step(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "step", unwaiting)
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path))
    assert train(recipe, profile="smoke", seed=0, data=world).finished


def test_a_training_fed_from_the_disk_follows_one_fed_from_the_device(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCV_PRECISION", "fp32")
    losses = []
    for share in (feed.RESIDENT_SHARE, 0.0):
        monkeypatch.setattr(feed, "RESIDENT_SHARE", share)
        monkeypatch.setenv("DLCV_RUNS", str(tmp_path / str(share)))
        recipe = small_segmentation(epochs=2)
        losses.append(train(recipe, profile="smoke", seed=0, data=world).history["train_loss"].tolist())
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
