"""The moving average of weights: it forgets where it began, and then follows as slowly as it is told."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from dlcvlib.training.averaging import moving_average


def shares(decay: float, steps: int) -> list[float]:
    """How much the weights after each of the steps count in the average after the last."""
    layer = nn.Linear(steps, 1, bias=False)
    average = moving_average(layer, decay)
    assert average is not None
    for step in range(steps):
        with torch.no_grad():
            layer.weight.copy_(torch.eye(steps)[step : step + 1])
        average.update_parameters(layer)
    return average.module.weight[0].tolist()


def test_the_weights_of_all_steps_share_the_average_and_later_ones_count_more():
    counted = shares(0.9, 40)
    assert sum(counted) == pytest.approx(1)
    assert counted == sorted(counted)


def test_after_its_first_steps_the_average_follows_by_its_decay():
    for earlier, later in pairwise(shares(0.9, 120)[100:]):
        assert earlier / later == pytest.approx(0.9, rel=1e-4)


def test_the_untrained_network_is_forgotten_within_few_steps():
    assert shares(0.99, 60)[0] < 1e-6 < 0.99**60


def test_running_statistics_are_averaged_like_weights():
    norm = nn.BatchNorm1d(2).train()
    average = moving_average(norm, 0.99)
    assert average is not None
    for _ in range(60):
        norm(torch.randn(16, 2) * 0.01)
        average.update_parameters(norm)
    assert average.module.running_var.max() < 0.05  # from 1


def test_no_decay_is_no_average():
    assert moving_average(nn.Linear(1, 1), 0.0) is None
