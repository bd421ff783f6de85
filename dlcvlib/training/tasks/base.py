"""Task: one kind of training, as the loop, the record, the predictions and the benchmark see it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from dlcvlib import augment
from dlcvlib.data import CourseData
from dlcvlib.recipes import Recipe
from dlcvlib.runs import Run
from dlcvlib.training import loop
from dlcvlib.training.compilation import Compilation
from dlcvlib.training.device import Precision
from dlcvlib.training.images import Images
from dlcvlib.training.loop import Progress
from dlcvlib.training.start import RANDOM, WeightSource

R = TypeVar("R", bound=Recipe)
I = TypeVar("I", bound=Images)  # noqa: E741

Normalisation = Mapping[str, tuple[float, float, float]]
"""`mean` and `std` of the channels; empty for ImageNet's."""


class Task(ABC, Generic[R, I]):
    """Base class of all tasks. The static methods need no training: they also serve predictions.

    Args of a task:
        recipe: as its profile reads it.
        network: what `build_network` returned, with its initial weights.
        images: what `load_images` returned.
        device, precision: to train on and in.
        normalisation: of the initial weights; empty for ImageNet's.
    """

    chooses_best: ClassVar[bool] = True
    """Keep the epoch with the highest `recipe.measure`; else the last epoch."""
    predicts: ClassVar[bool] = True
    """The network assigns classes to images, so that its predictions can be handed in."""
    fits_at_once: bool = False
    """`train` fits the network in one go instead of in epochs."""
    evaluation_batch: ClassVar[int]
    """Images that are evaluated at once. Other batches round differently in the last bit."""

    recipe: R
    device: torch.device
    optimizer: torch.optim.Optimizer
    epochs: int
    steps: int
    """Steps of an epoch."""
    batch_size: int
    """Images of a step, over all processes."""
    trained: nn.Module
    """`loss` as a module, see `dlcvlib.training.distribution.distribute`."""

    @staticmethod
    @abstractmethod
    def load_images(course: CourseData, recipe: R) -> I:
        """Decode the images that `recipe` trains on.

        Raises:
            FileNotFoundError: the data lack them.
        """

    @staticmethod
    @abstractmethod
    def build_network(recipe: R, num_classes: int) -> nn.Module:
        """Build the recipe's network with random weights, drawn from torch's generator."""

    @staticmethod
    def load_start(network: nn.Module, recipe: R, source: WeightSource) -> dict[str, Any]:
        """Load the initial weights that the recipe names into `network`.

        Returns:
            their description for `run.json`.

        Raises:
            ValueError, FileNotFoundError: a file was named or found, but is missing, damaged or does not fit.
        """
        return RANDOM

    @staticmethod
    def stored(network: nn.Module) -> nn.Module:
        """Return the part of what `build_network` returned whose weights a record holds."""
        return network

    @staticmethod
    def decoded_size(recipe: R) -> int | None:
        """Side in pixels that images are decoded to; None keeps their own size."""
        return recipe.image_size

    @staticmethod
    def logits(
        network: nn.Module,
        images: Tensor,
        size: tuple[int, ...],
        recipe: R,
        normalisation: Normalisation,
        precision: Precision,
    ) -> Tensor:
        """Return logits (N, C) or (N, C, *size) float32 of uint8 images: the one path of validation and predictions."""
        raise NotImplementedError

    @staticmethod
    def class_labels(data: Mapping[str, Any]) -> tuple[str, ...]:
        """Return how a csv writes each class, from "data" in `run.json`; () for masks, which have colours."""
        return ()

    @abstractmethod
    def __init__(
        self,
        recipe: R,
        network: nn.Module,
        images: I,
        device: torch.device,
        precision: Precision,
        normalisation: Normalisation,
    ) -> None: ...

    @property
    @abstractmethod
    def networks(self) -> list[nn.Module]:
        """Modules that a step calls, for torch.compile."""

    @abstractmethod
    def batches(self) -> Iterator[Any]:
        """Yield one epoch's batches, in an order drawn from torch's generator."""

    @abstractmethod
    def inputs(self, batch: Any) -> tuple[Any, ...]:
        """Augment a batch: return the arguments of `loss`. Switches the network to training mode."""

    @abstractmethod
    def loss(self, *inputs: Any) -> Tensor:
        """Return the loss, a scalar: the network's arithmetic and nothing else."""

    @abstractmethod
    def before_step(self, step: int) -> None:
        """Set the learning rate of this step of the whole training, counted from 0."""

    def after_backward(self) -> None:
        """Change the gradients, as in clipping."""

    @abstractmethod
    def after_step(self) -> None:
        """Update moving averages of weights."""

    @abstractmethod
    def evaluate(self) -> dict[str, float]:
        """Evaluate the network; return columns of the history, `recipe.measure` among them."""

    def after_epoch(self, measures: dict[str, float]) -> None:
        """Adapt what depends on the last `evaluate`, such as a plateau schedule; called after evaluated epochs."""

    def stop_reason(self) -> str | None:
        """Return why training should stop early, in words; None to continue."""
        return None

    @abstractmethod
    def write_snapshot(self, run: Run, epoch: int) -> None:
        """Write what figures show of the network that was evaluated last."""

    @abstractmethod
    def weights(self) -> dict[str, Tensor]:
        """Return the weights that are stored of the best epoch."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return all state that resuming needs."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from `state_dict`."""

    def prepare_start(self) -> None:
        """Prepare a training that begins, as opposed to one that resumes."""

    def train(self, run: Run, *, seed: int, title: str, checkpoint: str | None) -> Progress:
        """Train to the last epoch, see `dlcvlib.training.loop.fit`."""
        callback = Compilation(self.networks, self.device)
        snapshots = self.recipe.snapshots
        return loop.fit(
            self, run, seed=seed, snapshots=snapshots, title=title, checkpoint=checkpoint, callback=callback
        )

    def finish(self, run: Run) -> None:
        """Write what needs the best weights, after training."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Return entries of `run.json` about the trained network, such as its number of parameters."""


def prepare_images(
    images: Tensor, size: int, normalisation: Normalisation, augmentation: Mapping[str, Mapping[str, Any]]
) -> Tensor:
    """Augment and normalise uint8 (N, 3, H, W): return (N, 3, size, size) float; `{}` for no augmentation."""
    prepared = augment.prepare(images, size, augmentation, **normalisation)
    return prepared.contiguous(memory_format=torch.channels_last)


def count_parameters(parameters: Iterable[nn.Parameter]) -> int:
    """Return the number of values in `parameters`."""
    return sum(parameter.numel() for parameter in parameters)
