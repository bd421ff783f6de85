"""Linear probe: a linear classifier on fixed features, trained to convergence.

With a frozen backbone the loss is convex in the classifier. So each weight decay has one optimum, which L-BFGS finds in
seconds without a learning rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

ITERATIONS = 500
"""Largest number of iterations; `Fit.converged` is False after more."""
TOLERANCE = 1e-5
"""Largest entry of the gradient at which a fit counts as converged."""
WEIGHT_DECAYS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
HELD_OUT = 5
"""One image in `HELD_OUT` chooses the weight decay and is left out of the fits that it compares."""


@dataclass(frozen=True)
class Fit:
    """A fitted classifier with the figures of its optimisation."""

    classifier: nn.Linear
    weight_decay: float
    loss: float
    """Cross-entropy and penalty on the training features."""
    largest_gradient: float
    iterations: int

    @property
    def converged(self) -> bool:
        """True if the gradient has vanished."""
        return self.largest_gradient <= 10 * TOLERANCE


def mean_and_std(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each dimension (D,) of features (N, D).

    The std is at least 1e-6, so that a dimension with the same value everywhere is divided by something.
    """
    return features.mean(0), features.std(0).clamp_min(1e-6)


def fit_linear(
    features: Tensor, labels: Tensor, num_classes: int, weight_decay: float, iterations: int = ITERATIONS
) -> Fit:
    """Fit a logistic regression by L-BFGS, from zero weights; deterministic.

    Minimises mean cross-entropy + weight_decay / 2 * |W|^2, with W the weights on standardised features.
    Mean and standard deviation are then folded into the layer, so it takes the features as they are.

    Args:
        features: (N, D) float.
        labels: (N,) integer in [0, num_classes).
        num_classes: number of logits.
        weight_decay: at least 0.
        iterations: largest number.
    """
    with torch.enable_grad():
        mean, std = mean_and_std(features)
        standard = (features - mean) / std
        weight = torch.zeros(num_classes, features.shape[1], device=features.device, requires_grad=True)
        bias = torch.zeros(num_classes, device=features.device, requires_grad=True)
        optimizer = torch.optim.LBFGS(
            [weight, bias], max_iter=iterations, tolerance_grad=TOLERANCE, line_search_fn="strong_wolfe"
        )

        def objective() -> Tensor:
            optimizer.zero_grad()
            loss = functional.cross_entropy(functional.linear(standard, weight, bias), labels)
            loss = loss + weight_decay / 2 * weight.square().sum()
            loss.backward()
            return loss.detach()

        optimizer.step(objective)
        loss = float(objective())
    assert weight.grad is not None and bias.grad is not None
    largest = float(max(weight.grad.abs().max(), bias.grad.abs().max()))
    state = optimizer.state[optimizer.param_groups[0]["params"][0]]
    return Fit(_folded(weight, bias, mean, std), weight_decay, loss, largest, int(state["n_iter"]))


def fit_with_chosen_decay(features: Tensor, labels: Tensor, num_classes: int) -> Fit:
    """Choose the weight decay on a fifth of the images, drawn from torch's generator; then fit on all."""
    order = torch.randperm(len(labels)).to(features.device)
    held_out, kept = order[: len(order) // HELD_OUT], order[len(order) // HELD_OUT :]
    return fit_linear(features, labels, num_classes, choose_decay(features, labels, num_classes, kept, held_out))


def choose_decay(
    features: Tensor,
    labels: Tensor,
    num_classes: int,
    kept: Tensor,
    held_out: Tensor,
    weight_decays: Sequence[float] = WEIGHT_DECAYS,
) -> float:
    """Return the weight decay with the lowest cross-entropy on images that are left out of the fit.

    The validation set is not used: it is to measure the accuracy of a classifier whose settings it did not choose.

    Args:
        features: (N, D) float, of the training images.
        labels: (N,) integer in [0, num_classes).
        num_classes: number of logits.
        kept: indices of the images that are fitted.
        held_out: indices of the images that choose.
        weight_decays: those that are compared.
    """

    def loss(weight_decay: float) -> float:
        fit = fit_linear(features[kept], labels[kept], num_classes, weight_decay)
        with torch.no_grad():
            return float(functional.cross_entropy(fit.classifier(features[held_out]), labels[held_out]))

    return min(weight_decays, key=loss)


def probe_step(
    backbone: nn.Module, classifier: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor
) -> float:
    """Take one gradient step of a classifier on a frozen backbone, which is left in evaluation mode; return the loss.

    In training mode the running statistics of BatchNorm would move, though no weight does.

    Args:
        backbone: maps images (N, …) to features (N, D); neither its weights nor its statistics change.
        classifier: maps features to logits (N, num_classes).
        optimizer: updates the classifier.
        images: a batch, as the backbone takes it.
        labels: (N,) integer.
    """
    backbone.eval()
    with torch.no_grad():
        features = backbone(images)
    loss = functional.cross_entropy(classifier(features), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def _folded(weight: Tensor, bias: Tensor, mean: Tensor, std: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device)
    layer.weight.copy_(weight / std)
    layer.bias.copy_(bias - layer.weight @ mean)
    return layer
