"""Self-supervised learning: losses and schedules equal the official ones; what must stand still does."""

import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dlcvlib import models, ssl
from dlcvlib.recipes import Optimizer
from dlcvlib.ssl import monitors, schedules
from dlcvlib.ssl.byol import BYOL, byol_loss
from dlcvlib.ssl.dino import DINO, DINOLoss, clip_each
from dlcvlib.ssl.dino_head import DINOHead
from dlcvlib.ssl.ema import drift, frozen_copy, update_ema
from dlcvlib.ssl.multi_crop import multi_crop
from dlcvlib.ssl.simsiam import SimSiam, simsiam_loss
from dlcvlib.training.optimizers import build_optimizer

ORACLES = Path(__file__).resolve().parent / "oracles"


def oracle(name: str) -> dict[str, np.ndarray]:
    """Values of the official implementations, see tests/oracles/README.md."""
    with np.load(ORACLES / f"{name}.npz") as arrays:
        return dict(arrays)


def dino_inputs(known: dict[str, np.ndarray], meta: dict) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Student and teacher outputs of each epoch, drawn again from their seed."""
    generator = torch.Generator().manual_seed(meta["seed"])
    sizes = (meta["n_crops"] * meta["batch"], 2 * meta["batch"])
    student, teacher = zip(
        *(
            [2 * torch.randn(n, meta["out_dim"], dtype=torch.float64, generator=generator) for n in sizes]
            for _ in known["loss"]
        ),
        strict=True,
    )
    drawn = np.concatenate([student[0][0, :4], teacher[-1][-1, -4:]])
    assert np.allclose(drawn, [*known["first"], *known["last"]], rtol=1e-13), "torch draws other numbers from this seed"
    return list(zip(student, teacher, strict=True))


def small_backbone(width: int = 12) -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Conv2d(3, width, 3, stride=2), nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*layers)


def small_dino(**options: object) -> DINO:
    settings: dict = {"out_dim": 32, "hidden": 16, "bottleneck": 8}
    return DINO(small_backbone(), 12, views=4, epochs=5, **(settings | options))


def crops(number: int = 6) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(number, 3, size, size, generator=generator) for size in (16, 16, 8, 8)]


# Equal to the official implementations


def test_the_byol_loss_equals_the_official_one():
    known = oracle("byol_loss")
    loss = byol_loss(*(torch.from_numpy(known[name]) for name in ("p1", "p2", "z1", "z2")))
    assert abs(loss.item() - known["loss"]) < 1e-10


def test_the_dino_loss_and_its_centre_equal_the_official_ones_over_epochs():
    known = oracle("dino_loss")
    meta = json.loads(str(known["meta"]))
    names = ("warmup_teacher_temp", "teacher_temp", "warmup_epochs", "epochs", "student_temp", "center_momentum")
    criterion = DINOLoss(meta["out_dim"], meta["n_crops"], **{name: meta[name] for name in names}).double()
    for epoch, (student, teacher) in enumerate(dino_inputs(known, meta)):
        loss = criterion(student, teacher, epoch)
        assert abs(loss.item() - known["loss"][epoch]) < 1e-10
        assert np.abs(criterion.center.numpy() - known["center"][epoch]).max() < 1e-10


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("lr", (0.03 * 128 / 256, 1e-6, 20, 15, 3)),
        ("wd", (0.04, 0.4, 20, 15)),
        ("momentum", (0.996, 1.0, 20, 15)),
    ],
)
def test_schedules_equal_the_official_ones(name, arguments):
    assert np.abs(schedules.cosine(*arguments) - oracle("cosine_schedules")[name]).max() < 1e-10


def test_a_schedule_refuses_a_warm_up_longer_than_the_training():
    with pytest.raises(ValueError, match="warmup_epochs=6 must lie between 0 and the 5 epochs"):
        schedules.cosine(1.0, 0.0, 5, 10, warmup_epochs=6)


def simsiam_vectors() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(6, 5, generator=generator, dtype=torch.float64) for _ in range(4)]


def test_the_simsiam_loss_is_the_mean_negative_cosine_of_both_directions():
    p1, p2, z1, z2 = (vectors.numpy() for vectors in simsiam_vectors())

    def distance(p: np.ndarray, z: np.ndarray) -> float:  # equation 1 of the paper
        return float(-np.mean([a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for a, b in zip(p, z, strict=True)]))

    expected = distance(p1, z2) / 2 + distance(p2, z1) / 2
    assert simsiam_loss(*simsiam_vectors()).item() == pytest.approx(expected, abs=1e-12)


def test_the_simsiam_loss_equals_that_of_lightly():
    reason = "lightly, an extra for benchmarks, is not installed"
    criterion = pytest.importorskip("lightly.loss", reason=reason).NegativeCosineSimilarity()
    p1, p2, z1, z2 = simsiam_vectors()
    expected = (criterion(p1, z2) + criterion(p2, z1)) / 2
    assert simsiam_loss(p1, p2, z1, z2).item() == pytest.approx(expected.item(), abs=1e-12)


# Laws of the losses


def test_the_byol_loss_is_0_for_equal_directions_and_8_for_opposite_ones():
    vectors = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    assert byol_loss(vectors, vectors, 3 * vectors, 0.1 * vectors).item() == pytest.approx(0, abs=1e-6)
    assert byol_loss(vectors, vectors, -vectors, -vectors).item() == pytest.approx(8, abs=1e-5)


def test_no_gradient_goes_into_the_target():
    network = BYOL(small_backbone(), 12, hidden=16, out=8)
    network.loss(crops()[:2], 0).backward()
    assert all(parameter.grad is None for parameter in network.target.parameters())
    assert all(parameter.grad is not None for parameter in network.online.parameters())
    assert all(parameter.grad is not None for parameter in network.predictor.parameters())


@pytest.mark.parametrize("stop_gradient", [True, False])
def test_simsiam_takes_a_gradient_through_the_predictions_only(stop_gradient):
    network = SimSiam(small_backbone(), 12, hidden=16, out=8, bottleneck=4, stop_gradient=stop_gradient)
    views = crops()[:2]
    network.loss(views, 0).backward()
    parameters = list(network.encoder[1].parameters())
    z1, z2 = (network.encoder(view) for view in views)
    p1, p2 = network.predictor(z1), network.predictor(z2)
    through_predictions = torch.autograd.grad(simsiam_loss(p1, p2, z1.detach(), z2.detach()), parameters)
    same = all(
        torch.allclose(ours.grad, theirs, rtol=1e-3, atol=1e-6)
        for ours, theirs in zip(parameters, through_predictions, strict=True)
    )
    assert same == stop_gradient


@pytest.mark.parametrize("stop_gradient", [True, False])
def test_simsiam_collapses_without_its_stop_gradient_and_not_with_it(stop_gradient):
    """200 steps on noise whose views differ in tint."""
    network = SimSiam(small_backbone(), 12, hidden=32, out=16, bottleneck=8, stop_gradient=stop_gradient)
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, weight_decay=1e-3)
    generator = torch.Generator().manual_seed(0)
    images = 0.3 * torch.randn(32, 3, 1, 1, generator=generator) + 0.5 * torch.randn(32, 3, 16, 16, generator=generator)
    for _ in range(200):
        optimizer.zero_grad()
        network.loss([images + 0.5 * torch.randn(32, 3, 1, 1, generator=generator) for _ in range(2)], 0).backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        health = network.health(network.head_output(network.backbone(images)), 0)
    assert (network.collapse(health) is None) == stop_gradient, health
    assert (health["output_spread"] > 0.5) == stop_gradient, health


def test_the_dino_loss_is_the_mean_cross_entropy_over_pairs_of_unlike_views():
    generator = torch.Generator().manual_seed(2)
    student, teacher = torch.randn(4 * 3, 9, generator=generator), torch.randn(2 * 3, 9, generator=generator)
    criterion = DINOLoss(9, 4, warmup_teacher_temp=0.05, teacher_temp=0.05, warmup_epochs=0, epochs=1)
    expected = []
    for large in range(2):
        teacher_probs = (teacher[3 * large : 3 * large + 3] / 0.05).softmax(1)
        for view in range(4):
            if view != large:
                student_log_probs = (student[3 * view : 3 * view + 3] / 0.1).log_softmax(1)
                expected.append(-(teacher_probs * student_log_probs).sum(1).mean())
    assert criterion(student, teacher, 0).item() == pytest.approx(torch.stack(expected).mean().item(), rel=1e-6)


def test_the_dino_loss_says_which_rows_do_not_fit():
    criterion = DINOLoss(9, 4, warmup_teacher_temp=0.05, teacher_temp=0.05, warmup_epochs=0, epochs=1)
    with pytest.raises(ValueError, match="11 rows of the student and 6 of the teacher"):
        criterion(torch.randn(11, 9), torch.randn(6, 9), 0)


def test_the_teacher_begins_as_the_student_and_takes_no_gradient():
    network = small_dino()
    for ours, theirs in zip(network.teacher.parameters(), network.student.parameters(), strict=True):
        assert torch.equal(ours, theirs) and not ours.requires_grad and theirs.requires_grad


def test_the_prototypes_stand_still_in_the_first_epoch_only():
    network = small_dino(clip=0.0)
    for epoch, stands_still in ((0, True), (1, False)):
        network.zero_grad()
        network.loss(crops(), epoch).backward()
        network.after_backward(epoch)
        gradient = network.student.head.prototypes.weight.grad
        assert (gradient is None) == stands_still


def test_after_the_first_epoch_adamw_moves_the_prototypes_as_the_official_code_does():
    """It sets their gradient to None while they are frozen, so that AdamW counts from their first real step."""
    rate, decay, betas = 1e-2, 0.1, (0.9, 0.999)
    network = small_dino(clip=0.0)
    settings = Optimizer("adamw", rate, weight_decay=decay)
    optimizer = build_optimizer(network.student.parameters(), settings)
    weight = network.student.head.prototypes.weight
    expected, first, second = weight.detach().double(), 0.0, 0.0
    for step in range(8):
        epoch = step // 4  # frozen for the four steps of epoch 0
        optimizer.zero_grad(set_to_none=True)
        network.loss(crops(), epoch).backward()
        gradient = weight.grad.double()
        network.after_backward(epoch)
        optimizer.step()
        if epoch == 1:  # AdamW of Loshchilov and Hutter 2019, algorithm 2, counted from the first real gradient
            count = step - 3
            first = betas[0] * first + (1 - betas[0]) * gradient
            second = betas[1] * second + (1 - betas[1]) * gradient**2
            mean, square = first / (1 - betas[0] ** count), second / (1 - betas[1] ** count)
            expected = expected * (1 - rate * decay) - rate * mean / (square.sqrt() + 1e-8)
        torch.testing.assert_close(weight.detach().double(), expected, rtol=1e-4, atol=1e-6)


def test_sgd_moves_prototypes_that_were_frozen_at_first():
    network = small_dino(clip=0.0)
    optimizer = build_optimizer(network.student.parameters(), Optimizer("sgd", 0.1, momentum=0.9))
    weight = network.student.head.prototypes.weight
    expected, velocity = weight.detach().clone(), torch.zeros_like(weight)
    for step in range(6):
        optimizer.zero_grad(set_to_none=True)
        network.loss(crops(), step // 3).backward()
        gradient = weight.grad.clone()
        network.after_backward(step // 3)
        optimizer.step()
        if step >= 3:
            velocity = 0.9 * velocity + gradient
            expected = expected - 0.1 * velocity
        torch.testing.assert_close(weight.detach(), expected)


def test_prototypes_are_compared_by_direction_only():
    head = DINOHead(12, 32, hidden=16, bottleneck=8)
    features = torch.randn(5, 12)
    scores = head(features)
    with torch.no_grad():
        head.prototypes.weight.mul_(7)
    torch.testing.assert_close(head(features), scores)
    assert scores.abs().max() <= 1 + 1e-6


def test_each_gradient_is_clipped_for_itself():
    parameters = [nn.Parameter(torch.zeros(4)) for _ in range(2)]
    parameters[0].grad, parameters[1].grad = torch.full((4,), 10.0), torch.full((4,), 0.1)
    clip_each(parameters, 3.0)
    assert parameters[0].grad.norm().item() == pytest.approx(3.0, rel=1e-5)
    assert parameters[1].grad.norm().item() == pytest.approx(0.2, rel=1e-5)


# The moving average


def test_the_target_moves_by_the_momentum_and_keeps_its_own_statistics():
    online = small_backbone()
    target = frozen_copy(online)
    with torch.no_grad():
        for parameter in online.parameters():
            parameter.add_(1.0)
    online(torch.randn(8, 3, 16, 16))  # moves the online network's BatchNorm statistics
    before = copy.deepcopy(target.state_dict())
    update_ema(target, online, 0.9)
    for name, parameter in target.named_parameters():
        torch.testing.assert_close(parameter, before[name] + 0.1)
    for name, buffer in target.named_buffers():
        assert torch.equal(buffer, before[name])


def test_drift_is_0_for_a_copy_and_the_relative_distance_otherwise():
    online = small_backbone()
    target = frozen_copy(online)
    assert drift(target, online) == 0
    with torch.no_grad():
        for parameter in target.parameters():
            parameter.mul_(1.25)
    assert drift(target, online) == pytest.approx(0.25, rel=1e-5)


# Multi-crop


def test_views_of_several_sizes_come_back_in_their_order():
    network = small_backbone().eval()
    views = crops()
    with torch.no_grad():
        together = multi_crop(network, views)
        apart = torch.cat([network(view) for view in views])
    torch.testing.assert_close(together, apart)


# Monitors


def test_the_normalized_std_is_1_for_random_directions_and_0_for_one_point():
    directions = torch.randn(4000, 64, generator=torch.Generator().manual_seed(0))
    assert monitors.normalized_std(directions) == pytest.approx(1, abs=0.02)
    assert monitors.normalized_std(directions[:1].expand(50, -1)) == pytest.approx(0, abs=1e-5)


def test_the_leading_share_is_1_on_a_line_and_1_over_the_dimension_for_random_directions():
    simsiam = SimSiam(small_backbone(), 12, hidden=16, out=4)
    line = torch.linspace(-1, 1, 20)[:, None] * torch.arange(1.0, 5)
    directions = torch.randn(20000, 4, generator=torch.Generator().manual_seed(0))
    shares = [simsiam.health(outputs, 0)["leading_share"] for outputs in (line, directions)]
    assert shares == pytest.approx([1, 1 / 4], abs=0.01)


def test_rank_me_counts_the_directions_that_are_used():
    generator = torch.Generator().manual_seed(0)
    orthogonal, _ = torch.linalg.qr(torch.randn(200, 16, generator=generator))
    assert monitors.rank_me(orthogonal) == pytest.approx(16, rel=1e-3)
    assert monitors.rank_me(orthogonal[:, :1] @ torch.randn(1, 16, generator=generator)) == pytest.approx(1, abs=0.01)


def test_mutual_information_is_0_in_both_kinds_of_collapse_and_ln_k_for_one_prototype_an_image():
    uniform, constant = torch.full((10, 8), 1 / 8), torch.eye(8)[torch.zeros(10, dtype=torch.long)]
    assert monitors.mutual_information(uniform) == pytest.approx(0, abs=1e-6)
    assert monitors.mutual_information(constant) == 0
    assert monitors.mutual_information(torch.eye(8)) == pytest.approx(math.log(8))
    assert monitors.entropy(uniform) == pytest.approx(math.log(8)) and monitors.entropy(constant) == 0


def test_every_method_describes_its_collapse():
    byol = BYOL(small_backbone(), 12, hidden=16, out=8)
    same = torch.ones(20, 8)
    assert "one point" in str(byol.collapse(byol.health(same, 0)))
    assert byol.collapse(byol.health(torch.randn(20, 8), 0)) is None
    simsiam = SimSiam(small_backbone(), 12, hidden=16, out=8)
    line = torch.randn(20, 1) * torch.ones(8)
    assert simsiam.target_and_online is None and "one point" in str(simsiam.collapse(simsiam.health(same, 0)))
    assert "on one line" in str(simsiam.collapse(simsiam.health(line, 0)))
    assert simsiam.collapse(simsiam.health(torch.randn(20, 8), 0)) is None
    dino = small_dino()
    assert "same prototypes for nearly every image" in str(
        dino.collapse(dino.health(torch.eye(32)[:1].repeat(20, 1), 0))
    )
    assert "every prototype the same probability" in str(dino.collapse(dino.health(torch.zeros(20, 32), 0)))
    assert dino.collapse(dino.health(torch.eye(32)[:20], 0)) is None


SMALL_OPTIONS: dict[str, dict[str, int]] = {
    "byol": {"hidden": 16, "out": 8},
    "dino": {"out_dim": 16, "hidden": 16, "bottleneck": 8},
    "simsiam": {"hidden": 16, "out": 8, "bottleneck": 4},
}


def test_an_unknown_method_or_option_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'moco'.*byol.*dino"):
        ssl.build("moco", small_backbone(), 12, views=2, epochs=1)
    with pytest.raises(ValueError, match=r"'widht' of byol.*hidden.*predictor"):
        ssl.build("byol", small_backbone(), 12, views=2, epochs=1, widht=3)
    with pytest.raises(ValueError, match=r"'follows' of dino.*out_dim"):
        ssl.build("dino", small_backbone(), 12, views=2, epochs=1, follows=False)


@pytest.mark.parametrize("method", list(ssl.METHODS))
@pytest.mark.parametrize("name", models.names())
def test_every_network_can_be_pre_trained_as_a_backbone(name, method):
    sized = {"image_size": 32} if "image_size" in models.options_of(name, "reduced") else {}
    network = models.build(name, 1, form="reduced", **sized)
    width = models.feature_dim(network)
    backbone = models.as_backbone(network)
    views = [torch.randn(4, 3, 32, 32) for _ in range(2)]
    assert backbone(views[0]).shape == (4, width)
    learner = ssl.build(method, backbone, width, views=2, epochs=1, **SMALL_OPTIONS[method])
    loss = learner.loss(views, 0)
    loss.backward()
    learner.after_backward(0)
    learner.update_target(0.9)
    assert loss.isfinite() and any(parameter.grad is not None for parameter in backbone.parameters())
