"""Augmentation for self-supervised learning: values and chances are torchvision's, and every image draws for itself."""

import math
from itertools import permutations

import pytest
import torch
from scipy.stats import ks_2samp, kstest
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as torchvision_operations

from dlcvlib import augment
from dlcvlib.augment.colour import adjust_in_order

PLAUSIBLE = 0.001
"""A draw that is less likely than this refutes that two distributions are one."""

ADJUSTMENTS = {
    "brightness": (augment.adjust_brightness, torchvision_operations.adjust_brightness, (0.0, 2.0)),
    "contrast": (augment.adjust_contrast, torchvision_operations.adjust_contrast, (0.0, 2.0)),
    "saturation": (augment.adjust_saturation, torchvision_operations.adjust_saturation, (0.0, 2.0)),
    "hue": (augment.adjust_hue, torchvision_operations.adjust_hue, (-0.5, 0.5)),
}
RANDOM = {
    "random_resized_crop": lambda images, generator=None: augment.random_resized_crop(images, 16, generator=generator),
    "horizontal_flip": lambda images, generator=None: augment.horizontal_flip(images, generator=generator),
    "random_crop": lambda images, generator=None: augment.random_crop(images, 20, 4, generator=generator),
    "random_rotation": lambda images, generator=None: augment.random_rotation(images, 30, 0.7, generator=generator),
    "random_erasing": lambda images, generator=None: augment.random_erasing(images, generator=generator),
    "colour_jitter": lambda images, generator=None: augment.colour_jitter(
        images, 0.4, 0.4, 0.2, 0.1, probability=0.8, generator=generator
    ),
    "grey": lambda images, generator=None: augment.grey(images, 0.5, generator=generator),
    "solarize": lambda images, generator=None: augment.solarize(images, 0.5, 0.5, generator=generator),
    "gaussian_blur": lambda images, generator=None: augment.gaussian_blur(
        images, 7, probability=0.5, generator=generator
    ),
}
WITH_PROBABILITY = {
    "horizontal_flip": augment.horizontal_flip,
    "random_erasing": augment.random_erasing,
    "colour_jitter": lambda images, **chance: augment.colour_jitter(images, 0.4, 0.4, 0.2, 0.1, **chance),
    "grey": augment.grey,
    "solarize": lambda images, **chance: augment.solarize(images, 0.5, **chance),
    "gaussian_blur": lambda images, **chance: augment.gaussian_blur(images, 5, sigma=(1.0, 2.0), **chance),
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def float_images(number: int = 32, height: int = 24, width: int = 24) -> torch.Tensor:
    return torch.rand(number, 3, height, width, generator=generator())


def colourful_images(number: int = 40) -> torch.Tensor:
    """Noise, with plain and greyish and saturated images among them: the edges of every formula for colours."""
    images = torch.rand(number, 3, 12, 16, generator=generator())
    images[:8] = images[:8].round()
    images[8:16] = (images[8:16] * 4).round() / 4
    images[16:20] = images[16:20, :1]
    images[20:24] = images[20:24].mean((2, 3), keepdim=True)
    return images


# Crops


@pytest.mark.parametrize("size", [7, 24, 64])
@pytest.mark.parametrize("sides", [(84, 84), (20, 33), (100, 60)])
def test_a_resized_crop_equals_torchvisions(sides, size):
    images = float_images(30, *sides)
    height, width = sides
    corners = torch.tensor([[0, 0, height, width], [0, 0, 1, 1], [height - 1, width - 2, 1, 2], [3, 0, 5, width]])
    boxes = torch.cat([corners, augment.draw_boxes(26, height, width, generator=generator(1))])
    theirs = [
        torchvision_operations.resized_crop(image, *box, [size, size], antialias=True)
        for image, box in zip(images, boxes.tolist(), strict=True)
    ]
    torch.testing.assert_close(augment.resized_crop(images, boxes, size), torch.stack(theirs), atol=1e-5, rtol=0)


def test_bytes_are_cropped_as_the_floats_they_stand_for():
    images = torch.randint(0, 256, (20, 3, 30, 40), dtype=torch.uint8, generator=generator())
    crops = augment.random_resized_crop(images, 16, generator=generator(2))
    assert crops.dtype == torch.float32
    torch.testing.assert_close(crops, augment.random_resized_crop(images / 255, 16, generator=generator(2)))


@pytest.mark.parametrize(
    ("sides", "scale", "ratio"),
    [
        ((84, 84), (0.08, 1.0), (3 / 4, 4 / 3)),
        ((64, 96), (0.2, 1.0), (3 / 4, 4 / 3)),
        ((96, 64), (0.05, 0.25), (1.0, 1.0)),
        ((30, 90), (0.9, 1.0), (3 / 4, 4 / 3)),  # hardly a box fits: central boxes
        ((40, 40), (0.5, 1.0), (0.2, 5.0)),
        ((20, 20), (0.0001, 0.01), (0.5, 2.0)),  # many a box has no pixel
    ],
)
def test_boxes_have_the_distribution_of_torchvisions(sides, scale, ratio):
    ours = augment.draw_boxes(3000, *sides, scale, ratio, generator(3)).double()
    torch.manual_seed(0)
    theirs = v2.RandomResizedCrop(8, scale, ratio)
    image = torch.empty(3, *sides)
    drawn = [theirs.make_params([image]) for _ in range(3000)]
    theirs = torch.tensor([[box[side] for side in ("top", "left", "height", "width")] for box in drawn]).double()
    for measure in (
        lambda box: box[:, 2] * box[:, 3],
        lambda box: box[:, 3] / box[:, 2],
        lambda box: box[:, 0],
        lambda box: box[:, 1],
        lambda box: box[:, 0] + box[:, 2],
        lambda box: box[:, 1] + box[:, 3],
    ):
        assert ks_2samp(measure(ours), measure(theirs)).pvalue > PLAUSIBLE


@pytest.mark.parametrize(("sides", "box"), [((10, 90), [0, 38, 10, 13]), ((91, 10), [39, 0, 13, 10])])
def test_where_no_box_fits_the_largest_central_one_is_taken(sides, box):
    boxes = augment.draw_boxes(5, *sides, scale=(1.0, 1.0), generator=generator())
    assert boxes.tolist() == [box] * 5
    theirs = v2.RandomResizedCrop(8, scale=(1.0, 1.0)).make_params([torch.empty(3, *sides)])
    assert [theirs[side] for side in ("top", "left", "height", "width")] == box


def test_a_crop_shows_its_box():
    row, column = torch.meshgrid(torch.arange(40.0), torch.arange(60.0), indexing="ij")
    ramps = torch.stack([row, column, row * 0]).expand(500, 3, 40, 60) / 60
    crops = augment.random_resized_crop(ramps, 8, generator=generator(4)) * 60
    top, left, height, width = augment.draw_boxes(500, 40, 60, generator=generator(4)).unbind(1)
    torch.testing.assert_close(crops[:, 0].mean((1, 2)), top + (height - 1) / 2, atol=0.2, rtol=0)
    torch.testing.assert_close(crops[:, 1].mean((1, 2)), left + (width - 1) / 2, atol=0.2, rtol=0)


# Colours


@pytest.mark.parametrize("name", ADJUSTMENTS)
def test_an_adjustment_equals_torchvisions(name):
    ours, theirs, between = ADJUSTMENTS[name]
    images = colourful_images()
    factors = torch.empty(len(images)).uniform_(*between, generator=generator(1))
    factors[::7], factors[1::7] = between
    factors[2::7] = sum(between) / 2
    expected = [theirs(image, factor) for image, factor in zip(images, factors.tolist(), strict=True)]
    torch.testing.assert_close(ours(images, factors), torch.stack(expected), atol=1e-5, rtol=0)


def test_adjustments_are_applied_in_each_images_own_order():
    images = colourful_images(24)
    order = torch.tensor(list(permutations(range(4))))[torch.randperm(24, generator=generator(1))]
    ranges = [between for _, _, between in ADJUSTMENTS.values()]
    factors = torch.stack([torch.empty(24).uniform_(*between, generator=generator(2)) for between in ranges], 1)
    expected = []
    for image, own_factors, own_order in zip(images, factors.tolist(), order.tolist(), strict=True):
        for index in own_order:
            image = list(ADJUSTMENTS.values())[index][1](image, own_factors[index])
        expected.append(image)
    ours = adjust_in_order(images, [ours for ours, _, _ in ADJUSTMENTS.values()], factors, order)
    torch.testing.assert_close(ours, torch.stack(expected), atol=5e-5, rtol=0)


@pytest.mark.parametrize(
    "strengths", [(0.4, 0.4, 0.2, 0.1), (0.9, 0.9, 0.9, 0.0), (0.0, 0.0, 0.0, 0.5), (1.5, 0.0, 0.8, 0.0)]
)
def test_colour_jitter_has_the_distribution_of_torchvisions(strengths):
    image = torch.tensor([[0.9, 0.2], [0.5, 0.7], [0.1, 0.4]]).view(1, 3, 1, 2)
    ours = augment.colour_jitter(image.repeat(2000, 1, 1, 1), *strengths, generator=generator(1)).flatten(1)
    torch.manual_seed(1)
    jitter = v2.ColorJitter(*strengths)
    theirs = torch.stack([jitter(image).flatten() for _ in range(2000)])
    # Rounded, since clamped colours pile up at values that differ in their last bit.
    ours, theirs = ours.round(decimals=4), theirs.round(decimals=4)
    for value in range(6):
        assert ks_2samp(ours[:, value], theirs[:, value]).pvalue > PLAUSIBLE
    assert ks_2samp(ours.std(1).round(decimals=4), theirs.std(1).round(decimals=4)).pvalue > PLAUSIBLE


def test_no_strength_leaves_images_as_they_are():
    images = float_images()
    assert torch.equal(augment.colour_jitter(images), images)


@pytest.mark.parametrize("strengths", [{"brightness": -0.1}, {"hue": 0.6}, {"hue": -0.1}])
def test_a_strength_out_of_range_is_refused(strengths):
    name, value = next(iter(strengths.items()))
    with pytest.raises(ValueError, match=f"{name} {value}"):
        augment.colour_jitter(float_images(), **strengths)


@pytest.mark.parametrize("operation", [augment.grey, augment.solarize, augment.colour_jitter])
def test_colours_of_bytes_are_refused(operation):
    with pytest.raises(ValueError, match=r"not in torch\.uint8"):
        operation(torch.zeros(2, 3, 4, 4, dtype=torch.uint8))


def test_grey_equals_torchvisions():
    images = colourful_images()
    expected = torchvision_operations.rgb_to_grayscale(images, num_output_channels=3)
    torch.testing.assert_close(augment.grey(images, 1.0), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 1.0])
def test_solarisation_equals_torchvisions(threshold):
    images = colourful_images()
    expected = torchvision_operations.solarize(images, threshold)
    torch.testing.assert_close(augment.solarize(images, threshold, 1.0), expected, atol=1e-6, rtol=0)


# Blur


@pytest.mark.parametrize("kernel_size", [1, 3, 9, 23])
@pytest.mark.parametrize("sides", [(24, 24), (12, 33)])
def test_blur_equals_torchvisions(kernel_size, sides):
    images = float_images(20, *sides)
    sigmas = torch.linspace(0.1, 4.0, 20)
    expected = [
        torchvision_operations.gaussian_blur(image, kernel_size, [sigma])
        for image, sigma in zip(images, sigmas.tolist(), strict=True)
    ]
    torch.testing.assert_close(augment.blur(images, kernel_size, sigmas), torch.stack(expected), atol=1e-5, rtol=0)


def test_the_width_of_a_blur_is_uniform():
    points = torch.zeros(3000, 1, 31, 31)
    points[:, :, 15, 15] = 1.0
    spread = augment.gaussian_blur(points, 31, sigma=(0.8, 2.0), generator=generator(1))[:, 0].sum(1)
    sigmas = (spread * (torch.arange(31) - 15) ** 2).sum(1).sqrt()
    assert kstest(sigmas, "uniform", args=(0.8, 1.2)).pvalue > PLAUSIBLE


@pytest.mark.parametrize("kernel_size", [4, 25])
def test_a_kernel_that_does_not_fit_is_refused(kernel_size):
    with pytest.raises(ValueError, match=f"kernel_size {kernel_size} does not fit 12 x 20 px"):
        augment.gaussian_blur(float_images(2, 12, 20), kernel_size)


# What holds for every operation


@pytest.mark.parametrize("name", RANDOM)
def test_every_image_of_a_batch_draws_for_itself(name):
    alike = float_images(1).repeat(64, 1, 1, 1)
    results = RANDOM[name](alike, generator(1)).flatten(1)
    different = len({tuple(result.tolist()) for result in results})
    yes_or_no = name in ("horizontal_flip", "grey", "solarize")
    assert different == 2 if yes_or_no else different > 20


@pytest.mark.parametrize("name", RANDOM)
def test_the_same_generator_gives_the_same_batch_and_another_a_different_one(name):
    images = float_images()
    first, second, other = (RANDOM[name](images, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("name", RANDOM)
def test_a_given_generator_is_the_only_source_of_chance(name):
    before = torch.get_rng_state()
    RANDOM[name](float_images(), generator(1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", RANDOM)
def test_without_a_generator_torchs_own_decides(name):
    images = float_images()
    torch.manual_seed(5)
    first = RANDOM[name](images)
    second = RANDOM[name](images)
    torch.manual_seed(5)
    assert torch.equal(RANDOM[name](images), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("name", RANDOM)
def test_an_operation_leaves_its_input_as_it_was(name):
    images = float_images()
    before = images.clone()
    RANDOM[name](images, generator(1))
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", WITH_PROBABILITY)
def test_as_many_images_are_touched_as_the_probability_says(name):
    images = float_images(1000, 8, 8)
    operation = WITH_PROBABILITY[name]
    for probability in (0.0, 0.3, 1.0):
        result = operation(images, probability=probability, generator=generator(1))
        touched = (result != images).flatten(1).any(1).float().mean()
        assert abs(touched - probability) <= 4 * math.sqrt(probability * (1 - probability) / 1000)


def test_angles_of_rotation_are_uniform():
    along = torch.arange(61.0) - 30
    ramp = along[:, None].expand(2000, 1, 61, 61)
    turned = augment.random_rotation(ramp, 90, generator=generator(1))[:, 0, 10:51, 10:51]  # inside whatever the angle
    down, right = (turned * along[10:51, None]).sum((1, 2)), (turned * along[10:51]).sum((1, 2))
    assert kstest(torch.atan2(right, down).rad2deg(), "uniform", args=(-90, 180)).pvalue > PLAUSIBLE


def test_as_many_images_are_turned_as_the_probability_says():
    images = float_images(1000, 40, 40)
    for probability in (0.0, 0.3, 1.0):
        turned = augment.random_rotation(images, 180, probability, generator(1))
        touched = (turned != images).flatten(1).any(1).float().mean()
        hardly = 0.02  # angles under 3 degrees in 180, which move no pixel as far as its neighbour
        assert (
            abs(touched - probability) <= 4 * math.sqrt(probability * (1 - probability) / 1000) + hardly * probability
        )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", RANDOM)
def test_a_gpu_draws_what_the_cpu_draws(name):
    images = float_images()
    on_gpu = RANDOM[name](images.cuda(), generator(1)).cpu()
    on_cpu = RANDOM[name](images, generator(1))
    # A nearest neighbour on a pixel's edge may fall to either side.
    assert ((on_gpu - on_cpu).abs() > 1e-4).float().mean() < 0.005


# The pipeline

VIEW = {
    "random_resized_crop": {"scale": (0.2, 1.0)},
    "horizontal_flip": {},
    "colour_jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.2, "hue": 0.1, "probability": 0.8},
    "grey": {},
    "gaussian_blur": {"kernel_size": 7, "probability": 0.5},
    "solarize": {},
}


def test_a_view_is_prepared_by_the_operations_one_after_another():
    images = torch.randint(0, 256, (64, 3, 42, 42), dtype=torch.uint8, generator=generator())
    torch.manual_seed(3)
    expected = augment.random_resized_crop(images, 32, scale=(0.2, 1.0))
    expected = augment.horizontal_flip(expected)
    expected = augment.colour_jitter(expected, 0.4, 0.4, 0.2, 0.1, 0.8)
    expected = augment.grey(expected)
    expected = augment.gaussian_blur(expected, 7, probability=0.5)
    expected = augment.solarize(expected)
    torch.manual_seed(3)
    prepared = augment.prepare(images, 32, dict(reversed(VIEW.items())), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    torch.testing.assert_close(prepared, (expected - 0.5) / 0.25)


def test_every_view_operation_is_known():
    augment.check_names(VIEW)


def test_preparing_leaves_the_decoded_images_as_they_were():
    images = torch.randint(0, 256, (16, 3, 32, 32), dtype=torch.uint8, generator=generator())
    before = images.clone()
    for augmentation in ({}, VIEW):
        augment.prepare(images, 32, augmentation)
    assert torch.equal(images, before)
