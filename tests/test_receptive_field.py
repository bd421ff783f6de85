"""The effective receptive field: what it must be for networks whose field is known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dlcvlib import models


def convolution(rate: int) -> nn.Conv2d:
    return nn.Conv2d(3, 7, kernel_size=3, padding=rate, dilation=rate)


def images(number: int = 2) -> torch.Tensor:
    return torch.rand(number, 3, 33, 33, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("rate", [1, 4, 12])
def test_an_atrous_convolution_reads_nine_places_as_far_apart_as_its_rate(rate):
    field = models.receptive_field(convolution(rate), images())
    rows, columns = field.nonzero().T
    assert len(rows) == 9
    assert set(rows.tolist()) == set(columns.tolist()) == {16 - rate, 16, 16 + rate}
    assert models.radius_of(field, 1.0) == rate


def test_a_field_sums_to_one_and_leaves_the_network_as_it_was():
    model = models.build("unet", 7, form="reduced").train()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    field = models.receptive_field(model, images())
    assert field.shape == (33, 33) and field.sum().item() == pytest.approx(1)
    assert model.training and all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


def test_a_larger_share_never_has_a_smaller_radius():
    field = models.receptive_field(models.build("deeplabv3plus_resnet18", 7, form="reduced"), images())
    radii = [models.radius_of(field, share) for share in (0.1, 0.5, 0.9, 1.0)]
    assert radii == sorted(radii) and radii[-1] <= 16


def test_a_network_that_looks_at_nothing_is_an_error():
    blind = convolution(1)
    nn.init.zeros_(blind.weight)
    with pytest.raises(ValueError, match="depends on no pixel"):
        models.receptive_field(blind, images())
