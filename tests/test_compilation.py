"""torch.compile is tried where there is time to gain, kept where it is faster, and changes no result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from training_worlds import (
    small_pretraining,
    small_recipe,
    small_segmentation,
    write_classification,
    write_mini_and_office,
    write_satellite,
)

from dlcvlib import train
from dlcvlib.training import compilation
from dlcvlib.training.compilation import WORTH_TRYING, Compilation

GRAPHS = {"classification": 1, "byol": 3, "dino": 2, "segmentation": 1}
"""Networks that a step runs; here a training ends while they are compiled."""
CPU, GPU = torch.device("cpu"), torch.device("cuda")


class Network(nn.Module):
    """A network whose `forward` tells if it was replaced."""

    def forward(self) -> None: ...

    @property
    def compiled(self) -> bool:
        return "forward" in vars(self)


def after(seconds: list[float], steps_left: int = 10**6, device: torch.device = GPU) -> Network:
    network = Network()
    decision = Compilation([network], device)
    for a_step in seconds:
        decision.after_steps(a_step, steps_left)
    return network


@pytest.fixture(autouse=True)
def nothing_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DLCV_COMPILE", raising=False)


def test_a_faster_network_stays_compiled_and_a_slower_one_is_taken_back() -> None:
    eager = [9.0, 1.0, 1.1]  # the first window pays for allocations
    assert not after(eager[:2]).compiled
    assert after(eager).compiled
    assert after([*eager, 60.0, 0.8, 0.9]).compiled, "the window that paid for compiling must not count"
    assert not after([*eager, 60.0, 1.05, 1.2]).compiled
    assert not after([*eager, 60.0, 1.05, 1.2, 0.1, 0.1]).compiled, "what is decided stays"


def test_a_short_training_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not after([1.0, 1.0, 1.0], steps_left=int(WORTH_TRYING) - 1).compiled
    assert after([1.0, 1.0, 1.0], steps_left=int(WORTH_TRYING)).compiled
    monkeypatch.setenv("DLCV_COMPILE", "always")
    assert after([1.0, 1.0, 1.0], steps_left=1).compiled


def test_on_a_cpu_it_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not after([1.0, 1.0, 1.0], device=CPU).compiled
    monkeypatch.setenv("DLCV_COMPILE", "always")
    assert after([1.0, 1.0, 1.0], device=CPU).compiled
    monkeypatch.setenv("DLCV_COMPILE", "never")
    assert not after([1.0, 1.0, 1.0], device=GPU).compiled
    monkeypatch.setenv("DLCV_COMPILE", "sometimes")
    with pytest.raises(ValueError, match="'sometimes'; it must be one of auto, always, never"):
        after([1.0], device=GPU)


@pytest.mark.parametrize("what", ["classification", "byol", "dino", "segmentation"])
def test_a_compiled_training_is_the_same_training(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graphs: list[int] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Any:
        graphs.append(len(inputs))
        return graph.forward

    monkeypatch.setattr(compilation, "BACKEND", backend)
    monkeypatch.setenv("DLCV_PRECISION", "fp32")
    if what == "classification":
        data, recipe = write_classification(tmp_path / "data"), small_recipe(epochs=5, batch_size=24)
    elif what == "segmentation":  # whose best masks are predicted after the last epoch
        data, recipe = write_satellite(tmp_path / "data"), small_segmentation(epochs=5, batch_size=12)
    else:
        data = write_mini_and_office(tmp_path / "data")
        recipe = small_pretraining(what, epochs=5, batch_size=24)
    histories = {}
    for choice in ("never", "always"):
        monkeypatch.setenv("DLCV_COMPILE", choice)
        monkeypatch.setenv("DLCV_RUNS", str(tmp_path / choice))
        histories[choice] = train(recipe, profile="smoke", seed=0, data=data).history
        assert bool(graphs) == (choice == "always")
    assert len(graphs) == GRAPHS[what], "evaluation, or another epoch, must not have it compiled anew"
    losses = [history["train_loss"].tolist() for history in histories.values()]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_where_compiling_fails_the_training_continues_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_compiler(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Any:
        raise OSError("no compiler here")

    monkeypatch.setattr(compilation, "BACKEND", no_compiler)
    monkeypatch.setenv("DLCV_PRECISION", "fp32")
    data, recipe = write_classification(tmp_path / "data"), small_recipe(epochs=5, batch_size=24)
    losses = []
    for choice in ("never", "always"):
        monkeypatch.setenv("DLCV_COMPILE", choice)
        monkeypatch.setenv("DLCV_RUNS", str(tmp_path / choice))
        losses.append(train(recipe, profile="smoke", seed=0, data=data).history["train_loss"].tolist())
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
