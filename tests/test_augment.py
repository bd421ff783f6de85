"""Augmentation: values equal torchvision's for a fixed draw, and every image draws for itself."""

import math

import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as torchvision_operations

from dlcvlib import augment
from dlcvlib.augment.auto_augment import OPERATIONS, _strength


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def byte_images(number: int = 64, side: int = 32) -> torch.Tensor:
    return torch.randint(0, 256, (number, 3, side, side), dtype=torch.uint8, generator=generator())


def test_each_image_is_flipped_or_left_with_the_given_probability():
    images = byte_images(2000, 8)
    flipped = augment.horizontal_flip(images, 0.3, generator(1))
    mirrored = (flipped == images.flip(-1)).flatten(1).all(1)
    untouched = (flipped == images).flatten(1).all(1)
    assert (mirrored ^ untouched).all()
    assert abs(mirrored.float().mean() - 0.3) < 4 * math.sqrt(0.3 * 0.7 / 2000)


def test_a_crop_is_a_window_of_its_own_image_and_places_are_uniform():
    places = torch.arange(8 * 8).view(1, 1, 8, 8).expand(4000, 1, 8, 8) + 1
    crops = augment.random_crop(places, 8, padding=2, generator=generator(2))
    padded = torch.nn.functional.pad(places[0, 0], (2, 2, 2, 2))
    windows = {
        tuple(padded[top : top + 8, left : left + 8].flatten().tolist()) for top in range(5) for left in range(5)
    }
    drawn = [tuple(crop.flatten().tolist()) for crop in crops]
    assert set(drawn) == windows
    expected = 4000 / 25
    chi_squared = sum((drawn.count(window) - expected) ** 2 / expected for window in windows)
    assert chi_squared < 52  # 24 degrees of freedom, p = 0.001


def test_a_window_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match="window of 40 px does not fit an image of 36 x 36 px"):
        augment.random_crop(byte_images(2), 40, padding=2)


@pytest.mark.parametrize("side", [(32, 32), (24, 40)])
@pytest.mark.parametrize("degrees", [-90.0, -13.0, 0.0, 7.5, 45.0])
def test_rotation_equals_torchvisions(side, degrees):
    images = torch.rand(3, 3, *side, generator=generator())
    ours = augment.rotate(images, torch.full((3,), math.radians(degrees)))
    theirs = torchvision_operations.rotate(images, degrees)
    assert (ours != theirs).float().mean() < 0.005  # a nearest neighbour on a pixel's edge may fall to either side


def test_rotation_angles_are_drawn_for_each_image():
    images = torch.rand(1, 3, 32, 32, generator=generator()).expand(20, 3, 32, 32)
    turned = augment.random_rotation(images, 15, generator=generator(3))
    assert len({image.sum().item() for image in turned}) > 10


def test_erasing_blanks_one_rectangle_of_the_given_share_in_the_chosen_images():
    images = torch.ones(3000, 1, 32, 32)
    erased = augment.random_erasing(images, 0.5, generator=generator(4)) == 0
    touched = erased.flatten(1).any(1)
    assert abs(touched.float().mean() - 0.5) < 4 * math.sqrt(0.25 / 3000)
    rows, columns = erased[touched, 0].any(2).sum(1), erased[touched, 0].any(1).sum(1)
    area = erased[touched].flatten(1).sum(1)
    assert torch.equal(area, rows * columns)
    assert area.min() > 0.015 * 1024 and area.max() < 0.36 * 1024


def test_erasing_has_the_distribution_of_torchvisions():
    images = torch.ones(4000, 1, 32, 32)
    ours = (augment.random_erasing(images, 1.0, generator=generator(5)) == 0).flatten(1).float().mean(1)
    torch.manual_seed(0)
    eraser = v2.RandomErasing(p=1.0)
    theirs = torch.stack([(eraser(image) == 0).float().mean() for image in images[:1500]])
    # Long rectangles are cut by us and drawn again by torchvision, which moves the mean a little.
    assert abs(ours.mean() - theirs.mean()) < 0.02
    assert abs(ours.std() - theirs.std()) < 0.02


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("level", [0, 4, 9])
@pytest.mark.parametrize("sign", [-1, 1])
def test_each_operation_equals_torchvisions_own(operation, level, sign):
    images = byte_images(4)
    reference = v2.AutoAugment()
    magnitudes, signed = reference._AUGMENTATION_SPACE[operation]
    table = magnitudes(10, 32, 32)
    magnitude = 0.0 if table is None else float(table[level]) * (sign if signed else 1)
    expected = [
        reference._apply_image_or_video_transform(image, operation, magnitude, reference.interpolation, reference._fill)
        for image in images
    ]
    strength = _strength(operation, None if table is None else level, sign)
    # torchvision's strengths are float32, ours float64: a level of grey may round the other way.
    torch.testing.assert_close(OPERATIONS[operation](images, strength), torch.stack(expected), atol=1, rtol=0)


def test_auto_augment_draws_a_policy_for_each_image():
    image = byte_images(1).expand(200, 3, 32, 32)
    changed = augment.auto_augment(image, "cifar10", generator(6))
    assert len({tuple(one.flatten()[:200].tolist()) for one in changed}) > 30


def test_auto_augment_leaves_its_input_as_it_was():
    images = byte_images()
    before = images.clone()
    augment.auto_augment(images, "imagenet", generator(7))
    assert torch.equal(images, before)


def test_auto_augment_refuses_floats():
    with pytest.raises(ValueError, match="uint8"):
        augment.auto_augment(torch.rand(2, 3, 8, 8))


def test_the_same_generator_gives_the_same_batch():
    images = byte_images()
    first, second = (augment.auto_augment(images, "imagenet", generator(8)) for _ in range(2))
    assert torch.equal(first, second)


def test_preparing_normalises_and_scales_to_the_networks_size():
    images = byte_images(500)
    prepared = augment.prepare(images, 48, {}, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    assert prepared.shape == (500, 3, 48, 48)
    same_size = augment.prepare(images, 32, {}, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    torch.testing.assert_close(same_size, (images / 255 - 0.5) / 0.25)


def test_an_unknown_augmentation_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown augmentation 'colour'; known are auto_augment, random_crop"):
        augment.check_names({"colour": {}})
