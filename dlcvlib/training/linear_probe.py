"""A linear classifier on features that do not change, trained to convergence.

With the backbone frozen, the loss is convex in the classifier: there is one best answer for each strength of weight
decay, and L-BFGS finds it in seconds, whatever the learning rate would have been.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

ITERATIONS = 500
"""At most; a fit that needs more is cut off and says so."""
TOLERANCE = 1e-5
"""Largest entry of the gradient at which a fit counts as converged."""
WEIGHT_DECAYS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
HELD_OUT = 5
"""One image in so many is kept out of the fits between which the weight decay is chosen."""


@dataclass(frozen=True)
class Fit:
    """A classifier trained to convergence, and how that went."""

    classifier: nn.Linear
    weight_decay: float
    loss: float
    """Cross-entropy and penalty on the training features."""
    largest_gradient: float
    iterations: int

    @property
    def converged(self) -> bool:
        """Whether no gradient is left to follow."""
        return self.largest_gradient <= 10 * TOLERANCE


def fit_linear(features: Tensor, labels: Tensor, num_classes: int, weight_decay: float) -> Fit:
    """Logistic regression by L-BFGS, from zero; nothing is drawn.

    Minimises mean cross-entropy + weight_decay / 2 * |W|^2, with W the weights on features of zero mean and unit
    spread. The mean and spread are then folded into the layer, which so works on the features as they are.

    Args:
        features: (N, D) float.
        labels: (N,) integer in [0, num_classes).
        num_classes: number of logits.
        weight_decay: at least 0.
    """
    with torch.enable_grad():
        mean, spread = features.mean(0), features.std(0).clamp_min(1e-6)
        standard = (features - mean) / spread
        weight = torch.zeros(num_classes, features.shape[1], device=features.device, requires_grad=True)
        bias = torch.zeros(num_classes, device=features.device, requires_grad=True)
        optimizer = torch.optim.LBFGS(
            [weight, bias], max_iter=ITERATIONS, tolerance_grad=TOLERANCE, line_search_fn="strong_wolfe"
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
    return Fit(_folded(weight, bias, mean, spread), weight_decay, loss, largest, int(state["n_iter"]))


def fit_with_chosen_decay(features: Tensor, labels: Tensor, num_classes: int) -> Fit:
    """Fit on four fifths for each of `WEIGHT_DECAYS`, take the one that does best on the rest, fit on all with it.

    The split is drawn from torch's generator; the validation set takes no part.
    """
    order = torch.randperm(len(labels)).to(features.device)
    held_out, kept = order[: len(order) // HELD_OUT], order[len(order) // HELD_OUT :]

    def loss(weight_decay: float) -> float:
        fit = fit_linear(features[kept], labels[kept], num_classes, weight_decay)
        with torch.no_grad():
            return float(functional.cross_entropy(fit.classifier(features[held_out]), labels[held_out]))

    return fit_linear(features, labels, num_classes, min(WEIGHT_DECAYS, key=loss))


@torch.no_grad()
def _folded(weight: Tensor, bias: Tensor, mean: Tensor, spread: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device)
    layer.weight.copy_(weight / spread)
    layer.bias.copy_(bias - layer.weight @ mean)
    return layer
