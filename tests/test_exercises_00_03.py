"""Library functions that the exercises of chapters 0 to 3 are judged by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from dlcvlib import augment, embedding


@pytest.mark.parametrize("centre", [(4, 8), (0, 0), (7, 15), (3, 14)])
@pytest.mark.parametrize("weight", [0.0, 0.3, 0.75, 1.0])
def test_the_targets_of_cutmix_are_the_shares_of_the_pixels(centre: tuple[int, int], weight: float) -> None:
    images = torch.arange(10).float()[:, None, None, None].expand(10, 3, 8, 16)
    pixels, targets = augment.cutmix(images, torch.eye(10), weight, centre, torch.Generator().manual_seed(1))
    shares = functional.one_hot(pixels[:, 0].flatten(1).long(), 10).float().mean(1)
    torch.testing.assert_close(targets, shares)


def test_cutmix_pastes_one_box_of_the_wanted_area_and_leaves_what_it_was_given() -> None:
    images = torch.randn(6, 3, 8, 16, generator=torch.Generator().manual_seed(2))
    before = images.clone()
    pixels, _ = augment.cutmix(images, torch.eye(6), 0.75, (4, 8), torch.Generator().manual_seed(3))
    changed = (pixels != images).any(1)
    assert changed.any(0).sum() == 8 * 16 // 4
    assert changed[:, 2:6, 4:12].flatten(1).all(1).any(), "the box is whole"
    assert torch.equal(images, before)


def test_cutmix_draws_from_its_generator() -> None:
    images = torch.randn(20, 3, 8, 8)
    one, two, other = (
        augment.cutmix(images, torch.eye(20), 0.5, (4, 4), torch.Generator().manual_seed(seed))[0] for seed in (1, 1, 2)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_a_chain_starts_from_pca_and_then_from_the_map_before_without_exaggeration() -> None:
    given: list[dict[str, Any]] = []

    def tsne(values: np.ndarray, **settings: Any) -> np.ndarray:
        given.append(settings)
        return values[:, :2] + len(given)

    features = [np.random.default_rng(seed).normal(size=(5, 3)) for seed in range(3)]
    maps = embedding.chained(features, tsne)
    assert given[0] == {}
    assert [settings["early_exaggeration"] for settings in given[1:]] == [1, 1]
    assert [settings["init"] is map_before for settings, map_before in zip(given[1:], maps, strict=False)] == [True] * 2


def test_a_chain_that_is_extended_is_the_chain_of_all() -> None:
    def tsne(values: np.ndarray, init: Any = 0.0, **_: Any) -> np.ndarray:
        return values[:, :2] + 0.5 * np.asarray(init)

    features = [np.random.default_rng(seed).normal(size=(5, 3)) for seed in range(4)]
    first = embedding.chained(features[:2], tsne)
    rest = embedding.chained(features[2:], tsne, before=first[-1])
    np.testing.assert_array_equal([*first, *rest], embedding.chained(features, tsne))
