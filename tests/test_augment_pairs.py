"""Image and mask move alike, ids never mix, and the eight views of a square come back to where they were."""

import math

import pytest
import torch
from torch.nn import functional

from dlcvlib.augment import dihedral, pairs

ALL = [pairs.random_dihedral, pairs.random_rotation, lambda *pair, **options: crop(*pair, **options)]
UNKNOWN = 6


def crop(images, masks, generator=None):
    return pairs.random_scale_crop(images, masks, 24, (0.7, 2.0), generator)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blobs(number: int = 12, side: int = 48) -> torch.Tensor:
    """Masks of regions with smooth edges, uint8 (number, side, side)."""
    coarse = torch.randn(number, 7, 5, 5, generator=generator())
    return functional.interpolate(coarse, size=(side, side), mode="bicubic").argmax(1).byte()


def one_hot(masks: torch.Tensor) -> torch.Tensor:
    """Images that say the mask: channel c is 1 where the mask is c."""
    return functional.one_hot(masks.long(), 7).permute(0, 3, 1, 2).float()


@pytest.mark.parametrize("move", ALL)
def test_image_and_mask_move_alike_and_each_pair_for_itself(move):
    masks = blobs()
    images, moved = move(one_hot(masks), masks, generator=generator(1))
    assert len({tuple(mask.flatten().tolist()) for mask in moved}) == len(masks)
    filled = images.sum(1) > 0.99  # the corners without a source have no channel
    clear = filled & (images.amax(1) > 0.8)  # of a blend, the nearest pixel alone makes up 0.2 or more
    assert clear.float().mean() > 0.6
    assert torch.equal(images.argmax(1)[clear], moved.long()[clear])
    assert (moved[images.sum(1) < 1e-6] == UNKNOWN).all()


@pytest.mark.parametrize("move", ALL)
def test_pairs_of_one_image_draw_each_for_themselves(move):
    masks = blobs(1).expand(40, -1, -1)
    _, moved = move(one_hot(masks), masks, generator=generator(2))
    assert len({tuple(mask.flatten().tolist()) for mask in moved}) >= 8


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
@pytest.mark.parametrize("move", ALL)
def test_ids_never_mix_and_keep_their_dtype(move, dtype):
    masks = torch.where(blobs() < 3, 0, 5).to(dtype)
    _, moved = move(one_hot(masks), masks, generator=generator(3))
    assert moved.dtype == dtype
    assert set(moved.unique().tolist()) == ({0, 5, UNKNOWN} if move is pairs.random_rotation else {0, 5})


@pytest.mark.parametrize("move", ALL)
def test_the_same_seed_moves_the_same_and_the_input_stays(move):
    masks = blobs()
    images, before = one_hot(masks), masks.clone()
    first, again = (move(images, masks, generator=generator(4)) for _ in range(2))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert torch.equal(masks, before) and torch.equal(images, one_hot(before))


@pytest.mark.parametrize("move", ALL[1:])
def test_bytes_become_floats_between_0_and_1(move):
    masks = blobs()
    images = torch.randint(0, 256, (12, 3, 48, 48), dtype=torch.uint8, generator=generator())
    ours, _ = move(images, masks, generator=generator(5))
    floats, _ = move(images / 255, masks, generator=generator(5))
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, floats)


def test_each_of_the_eight_elements_occurs_with_chance_one_eighth():
    number = 4000
    masks = torch.arange(9).view(1, 3, 3).expand(number, 3, 3)
    images, moved = pairs.random_dihedral(masks[:, None].byte(), masks, generator=generator(6))
    assert torch.equal(images[:, 0].long(), moved)
    elements = torch.stack([dihedral.dihedral(masks[0], element) for element in dihedral.ELEMENTS])
    assert len(elements.flatten(1).unique(dim=0)) == 8
    counts = (moved[:, None] == elements).all((2, 3)).sum(0)
    assert counts.sum() == number
    chi_squared = ((counts - number / 8) ** 2 / (number / 8)).sum()
    assert chi_squared < 24.3  # 7 degrees of freedom, p = 0.001


def test_without_turns_only_flips_occur_and_each_as_often():
    masks = torch.arange(9).view(1, 3, 3).expand(400, 3, 3)
    _, moved = pairs.random_dihedral(masks[:, None].byte(), masks, turns=False, generator=generator(7))
    flips = {tuple(masks[0].flip(axes).flatten().tolist()) for axes in ([], [0], [1], [0, 1])}
    found = [tuple(each.flatten().tolist()) for each in moved]
    assert set(found) == flips
    assert all(60 < found.count(each) < 140 for each in flips)


def test_the_eight_elements_are_the_quarter_turns_and_their_mirror_images():
    square = torch.arange(9).view(3, 3)
    turns = [torch.rot90(image, quarter) for image in (square, square.T) for quarter in range(4)]
    ours = [dihedral.dihedral(square, element) for element in dihedral.ELEMENTS]
    assert {tuple(turn.flatten().tolist()) for turn in turns} == {tuple(one.flatten().tolist()) for one in ours}


def test_undoing_the_views_gives_the_images_back():
    images = torch.rand(3, 2, 8, 8, generator=generator())
    views = dihedral.dihedral_views(images)
    assert views.shape == (24, 2, 8, 8) and torch.equal(views[:3], images)
    assert torch.equal(dihedral.undo_dihedral(views), images.expand(8, -1, -1, -1, -1))


def test_averaging_over_the_views_changes_nothing_where_the_network_turns_with_its_input():
    images = torch.rand(3, 2, 8, 8, generator=generator())
    round_kernel = torch.tensor([[1.0, 2, 1], [2, 5, 2], [1, 2, 1]]).expand(4, 2, 3, 3)
    other_kernel = torch.randn(4, 2, 3, 3, generator=generator())

    def averaged(kernel: torch.Tensor) -> torch.Tensor:
        views = dihedral.dihedral_views(images)
        return dihedral.undo_dihedral(functional.conv2d(views, kernel, padding=1)).mean(0)

    torch.testing.assert_close(averaged(round_kernel), functional.conv2d(images, round_kernel, padding=1))
    assert not torch.allclose(averaged(other_kernel), functional.conv2d(images, other_kernel, padding=1))


def test_the_average_turns_with_the_image_whatever_the_network():
    images = torch.rand(1, 2, 8, 8, generator=generator())
    kernel = torch.randn(4, 2, 3, 3, generator=generator())

    def averaged(some: torch.Tensor) -> torch.Tensor:
        return dihedral.undo_dihedral(functional.conv2d(dihedral.dihedral_views(some), kernel, padding=1)).mean(0)

    for element in dihedral.ELEMENTS:
        turned = averaged(dihedral.dihedral(images, element))
        torch.testing.assert_close(turned, dihedral.dihedral(averaged(images), element))


def test_a_quarter_turn_of_the_rotation_is_that_of_the_pixels(monkeypatch):
    monkeypatch.setattr(pairs, "uniform", lambda number, *_: torch.full((number,), math.pi / 2))
    masks = blobs()
    images, turned = pairs.random_rotation(one_hot(masks), masks)
    assert torch.equal(turned, masks.rot90(1, (1, 2)))
    torch.testing.assert_close(images, one_hot(turned), atol=1e-4, rtol=0)


def test_pairs_are_turned_with_the_given_probability():
    masks = blobs(1, 16).expand(1000, -1, -1)
    _, turned = pairs.random_rotation(one_hot(masks), masks, probability=0.3, generator=generator(7))
    share = (turned != masks).flatten(1).any(1).float().mean()
    assert abs(share - 0.3) < 4 * math.sqrt(0.3 * 0.7 / 1000)


def test_a_crop_at_scale_one_is_a_window_and_every_place_occurs():
    places = torch.arange(36, dtype=torch.int64).view(1, 6, 6).expand(2000, 6, 6)
    images, masks = pairs.random_scale_crop(places[:, None] / 36, places, 4, (1.0, 1.0), generator(8))
    torch.testing.assert_close(images[:, 0], masks / 36)
    windows = {tuple(places[0, y : y + 4, x : x + 4].flatten().tolist()) for y in range(3) for x in range(3)}
    assert {tuple(mask.flatten().tolist()) for mask in masks} == windows


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_scaled_crop_holds_as_much_of_the_image_as_its_scale_says(scale):
    ramp = torch.arange(64.0).expand(50, 1, 64, 64) / 64
    images, _ = pairs.random_scale_crop(ramp, torch.zeros(50, 64, 64, dtype=torch.uint8), 16, (scale, scale))
    steps = images[:, 0].diff(dim=2)[:, :, 2:-2] * 64
    torch.testing.assert_close(steps, torch.full_like(steps, 1 / scale), atol=1e-3, rtol=0)


def test_a_tile_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"tile of 32 px does not fit an image of 48 x 48 px scaled by 0.5 .* 0.667"):
        pairs.random_scale_crop(one_hot(blobs()), blobs(), 32, (0.5, 2.0))


def test_quarter_turns_of_an_oblong_image_are_refused():
    with pytest.raises(ValueError, match="8 x 12 px are not square"):
        pairs.random_dihedral(torch.zeros(2, 3, 8, 12), torch.zeros(2, 8, 12, dtype=torch.uint8))
    with pytest.raises(ValueError, match="8 x 12 px are not square"):
        dihedral.dihedral_views(torch.zeros(2, 3, 8, 12))


def test_maps_that_are_not_the_eight_views_are_refused():
    with pytest.raises(ValueError, match="12 maps are not the 8 views"):
        dihedral.undo_dihedral(torch.zeros(12, 7, 8, 8))


@pytest.mark.parametrize("move", ALL)
@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (torch.zeros(2, 1, 48, 48, dtype=torch.uint8), r"got \(2, 3, 48, 48\) and \(2, 1, 48, 48\)"),
        (torch.zeros(2, 48, 48), "integer class ids, got torch.float32"),
    ],
)
def test_masks_that_do_not_fit_are_an_error(move, masks, message):
    with pytest.raises(ValueError, match=message):
        move(torch.zeros(2, 3, 48, 48), masks)
