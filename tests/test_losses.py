"""Segmentation losses: equal to torch's, to values by hand, and to the scores that they stand in for."""

import math
from functools import partial

import pytest
import torch
from torch.nn import functional

from dlcvlib.metrics import area_share, course_iou
from dlcvlib.training.losses import class_weights, cross_entropy, dice_loss, focal_loss, lovasz_softmax

LOSSES = [cross_entropy, focal_loss, partial(focal_loss, gamma=0.5), dice_loss, lovasz_softmax]
UNKNOWN = 6


def example(seed: int = 0, classes: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(2, 7, 5, 6, generator=generator)
    return logits, torch.randint(classes, (2, 5, 6), generator=generator)


def certain(pred: torch.Tensor) -> torch.Tensor:
    """Logits whose probabilities are exactly 0 and 1."""
    return 1000.0 * functional.one_hot(pred, 7).permute(0, 3, 1, 2)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", [None, 2, UNKNOWN])
@pytest.mark.parametrize("loss", [cross_entropy, partial(focal_loss, gamma=0)])
def test_without_focus_it_is_torchs_cross_entropy(loss, weighted, ignored):
    logits, target = example()
    weights = torch.linspace(0.2, 2, 7) if weighted else None
    expected = functional.cross_entropy(logits, target, weights, ignore_index=-100 if ignored is None else ignored)
    torch.testing.assert_close(loss(logits, target, class_weights=weights, ignored=ignored), expected)


def test_focal_loss_of_one_pixel_and_its_gradient_are_those_by_hand():
    logits = torch.tensor([0.3, -1.2, 0.8]).view(1, 3, 1, 1).requires_grad_()
    loss = focal_loss(logits, torch.tensor([[[0]]]), gamma=2, alpha=0.2)
    loss.backward()
    probabilities = [math.exp(z) / sum(map(math.exp, (0.3, -1.2, 0.8))) for z in (0.3, -1.2, 0.8)]
    p = probabilities[0]
    assert loss.item() == pytest.approx(-0.2 * (1 - p) ** 2 * math.log(p))
    # d loss / dp = alpha (2 (1 - p) log p - (1 - p)² / p), and dp / dz_k = p ([k = 0] - p_k)
    slope = 0.2 * (2 * (1 - p) * math.log(p) - (1 - p) ** 2 / p)
    expected = [slope * p * ((k == 0) - probability) for k, probability in enumerate(probabilities)]
    assert logits.grad.flatten().tolist() == pytest.approx(expected)


def test_the_focal_factor_is_each_pixels_own():
    logits, target = example()
    pixels = [
        focal_loss(logits[n : n + 1, :, y : y + 1, x : x + 1], target[n : n + 1, y : y + 1, x : x + 1])
        for n, y, x in torch.cartesian_prod(torch.arange(2), torch.arange(5), torch.arange(6))
    ]
    torch.testing.assert_close(focal_loss(logits, target), torch.stack(pixels).mean())


@pytest.mark.parametrize("classes", [1, 3, 7])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_perfect_prediction_costs_nothing(loss, classes):
    _, target = example(classes=classes)
    assert loss(certain(target), target).item() == pytest.approx(0, abs=1e-6)


def test_dice_loss_is_the_quotient_of_each_class_that_occurs():
    logits, target = example(classes=4)
    p = logits.softmax(1)
    quotients = [2 * p[:, c][target == c].sum() / (p[:, c].square().sum() + (target == c).sum()) for c in range(4)]
    torch.testing.assert_close(dice_loss(logits, target), 1 - torch.stack(quotients).mean())


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ignored", [None, UNKNOWN])
def test_lovasz_of_a_certain_prediction_is_one_minus_the_iou(seed, ignored):
    pred, target = (torch.randint(7, (2, 5, 6), generator=torch.Generator().manual_seed(seed + i)) for i in (0, 50))
    pred[pred == UNKNOWN] = 0
    iou = course_iou(pred, target)
    scores = (iou.without_unknown if ignored else iou).per_class
    expected = 1 - sum(scores[c] if c < UNKNOWN else 0 for c in range(6 if ignored else 7)) / (6 if ignored else 7)
    assert lovasz_softmax(certain(pred), target, ignored).item() == pytest.approx(expected, abs=1e-6)


def test_lovasz_is_the_jaccard_loss_averaged_over_thresholds_of_the_error():
    # The Lovász extension is the mean over t, uniform in [0, 1], of 1 - IoU where errors above t are wrong.
    logits, target = example(3, classes=2)
    errors = (functional.one_hot(target, 7).permute(0, 3, 1, 2) - logits.softmax(1)).abs()
    thresholds = (torch.arange(4000) + 0.5) / 4000
    expected = 0.0
    for c in range(2):
        wrong = errors[:, c, ..., None] > thresholds
        truth = (target == c)[..., None]
        expected += (wrong.sum((0, 1, 2)) / (truth | wrong).sum((0, 1, 2))).mean() / 2
    assert lovasz_softmax(logits, target).item() == pytest.approx(float(expected), abs=1e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_ignored_pixels_change_nothing_and_have_no_gradient(loss):
    logits, target = example()
    logits.requires_grad_()
    ignored = (target == UNKNOWN)[:, None].expand_as(logits)
    value = loss(logits, target, ignored=UNKNOWN)
    value.backward()
    assert ignored.any() and logits.grad[ignored].abs().max() == 0
    assert (logits.grad[~ignored] != 0).any()
    other = torch.where(ignored, torch.randn_like(logits), logits)
    assert loss(other, target, ignored=UNKNOWN).item() == pytest.approx(value.item(), rel=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_of_ignored_pixels_costs_nothing_and_teaches_nothing(loss):
    logits = example()[0].requires_grad_()
    value = loss(logits, torch.full((2, 5, 6), UNKNOWN), ignored=UNKNOWN)
    value.backward()
    assert value.item() == 0 and logits.grad.abs().max() == 0


@pytest.mark.parametrize("loss", LOSSES)
def test_bf16_logits_are_computed_in_float32(loss):
    logits, target = example()
    half = logits.bfloat16()
    assert loss(half, target).dtype == torch.float32
    assert torch.equal(loss(half, target), loss(half.float(), target))


@pytest.mark.parametrize("loss", LOSSES)
def test_extreme_logits_keep_the_gradient_finite(loss):
    logits = certain(example(1)[1]).requires_grad_()
    loss(logits, example(2)[1]).backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_masks_may_stay_uint8(loss):
    logits, target = example()
    assert torch.equal(loss(logits, target.byte(), ignored=UNKNOWN), loss(logits, target, ignored=UNKNOWN))


@pytest.mark.parametrize("loss", LOSSES)
def test_no_loss_waits_for_the_device(loss):
    logits, target = (values.to("meta") for values in example())  # reading a value of a tensor on "meta" raises
    assert loss(logits.requires_grad_(), target, ignored=UNKNOWN).shape == ()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("target", "message"),
    [
        (torch.zeros(2, 1, 5, 6, dtype=torch.int64), r"got \(2, 7, 5, 6\) and \(2, 1, 5, 6\)"),
        (torch.zeros(2, 5, 6), "integer class ids, got torch.float32"),
    ],
)
def test_targets_that_do_not_fit_are_an_error(loss, target, message):
    with pytest.raises(ValueError, match=message):
        loss(example()[0], target)


def test_a_negative_gamma_is_refused():
    with pytest.raises(ValueError, match="gamma=-1 must be at least 0"):
        focal_loss(*example(), gamma=-1)


def test_class_weights_give_the_median_class_weight_one_and_every_class_the_same_sum():
    shares = torch.tensor([0.106, 0.583, 0.084, 0.115, 0.031, 0.081, 0.0006])
    weights = class_weights(shares)
    assert weights[2] == 1
    torch.testing.assert_close(weights * shares, torch.full((7,), 0.084))
    without = class_weights(shares, ignored=UNKNOWN)
    assert without[UNKNOWN] == 0 and without.max() < 4
    torch.testing.assert_close((without * shares)[:6], torch.full((6,), (0.084 + 0.106) / 2))


def test_a_class_without_pixels_weighs_nothing():
    weights = class_weights(area_share(torch.tensor([[0, 0, 0, 2]])))
    assert weights.tolist() == pytest.approx([0.5 / 0.75, 0, 2, 0, 0, 0, 0])


@pytest.mark.parametrize("shares", [[0.5, -0.1], [math.nan, 1.0], [0.0, 0.0]])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(ValueError, match="share"):
        class_weights(shares)
