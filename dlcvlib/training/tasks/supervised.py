"""SupervisedTask: optimizer, schedule, moving average and state of trainings with labels or masks."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from dlcvlib.recipes import SupervisedRecipe
from dlcvlib.training import distribution
from dlcvlib.training.averaging import moving_average
from dlcvlib.training.device import Precision
from dlcvlib.training.images import Images
from dlcvlib.training.optimizers import build_optimizer, rate_factors, set_learning_rate
from dlcvlib.training.tasks.base import Normalisation, Task, count_parameters

R = TypeVar("R", bound=SupervisedRecipe)
I = TypeVar("I", bound=Images)  # noqa: E741


class SupervisedTask(Task[R, I]):
    """Base class of classification and segmentation; a subclass sets `train` and `val` before it calls this."""

    def __init__(
        self,
        recipe: R,
        network: nn.Module,
        images: I,
        device: torch.device,
        precision: Precision,
        normalisation: Normalisation,
    ) -> None:
        self.recipe, self.device, self.precision = recipe, device, precision
        self.normalisation = normalisation
        self.model = distribution.synchronised(network.to(device).to(memory_format=torch.channels_last))
        self.prepare_network()
        self.average = moving_average(self.model, recipe.weight_average)
        self.epochs = recipe.epochs
        count = int(images.facts["train_images"])
        self.batch_size = distribution.batch_size(recipe.batch_size, count)
        self.steps = count // self.batch_size
        self.trained = distribution.distribute(self.model, self.loss)
        self.optimizer = build_optimizer(self.model.parameters(), recipe.optimizer)
        self.rate_factors = rate_factors(recipe.schedule, self.epochs, self.steps)

    def prepare_network(self) -> None:
        """Change `self.model` before its parameters are handed to the optimizer."""

    @property
    def networks(self) -> list[nn.Module]:
        """Modules that a step calls."""
        return [self.model]

    @property
    def evaluated(self) -> nn.Module:
        """The network that is evaluated and stored: the moving average where the recipe has one."""
        return self.model if self.average is None else self.average.module

    def before_step(self, step: int) -> None:
        """Set the learning rate of the schedule."""
        set_learning_rate(self.optimizer, self.rate_factors[step])

    def after_step(self) -> None:
        """Update the moving average."""
        if self.average is not None:
            self.average.update_parameters(self.model)

    def weights(self) -> dict[str, Tensor]:
        """Return the weights of the evaluated network."""
        return self.evaluated.state_dict()

    def state_dict(self) -> dict[str, Any]:
        """Return network, optimizer and moving average."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict() if self.average is not None else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from `state_dict`."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def facts(self) -> dict[str, Any]:
        """Return the numbers of parameters, and of those that were trained."""
        parameters = list(self.model.parameters())
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        return {"parameters": count_parameters(parameters), "trained_parameters": count_parameters(trained)}
