"""DINO: a student learns, from small views of an image, what its own moving average says of large ones.

Source: Caron et al. 2021, Emerging properties in self-supervised vision transformers,
https://arxiv.org/abs/2104.14294.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dlcvlib import processes
from dlcvlib.ssl import monitors
from dlcvlib.ssl.dino_head import DINOHead
from dlcvlib.ssl.momentum import follow, frozen_copy
from dlcvlib.ssl.multi_crop import multi_crop
from dlcvlib.ssl.schedules import warmed_up

GLOBAL_VIEWS = 2
COLLAPSED_SHARE = 0.01
"""Of ln(out_dim): information in the teacher's choice of prototype below which it says the same of every image."""


class DINOLoss(nn.Module):
    """Cross-entropy between what the teacher says of the global views and the student of every other view.

    H = -sum_k P_teacher(k) ln P_student(k), equations 2 and 3 of the paper. The teacher's scores are centred, which
    keeps one prototype from taking every image, and sharpened by a low temperature, which keeps all prototypes from
    becoming alike: either alone collapses (section 5.3 of the paper).

    Args:
        out_dim: number of prototypes.
        n_crops: number of views, of which the first two are global.
        warmup_teacher_temp: the teacher's temperature in the first epoch.
        teacher_temp: its temperature after the warm-up.
        warmup_epochs: of the teacher's temperature.
        epochs: of the training.
        student_temp: the student's temperature.
        center_momentum: of the moving mean of the teacher's scores, equation 4; 1 leaves the centre where it is.
    """

    center: Tensor

    def __init__(
        self,
        out_dim: int,
        n_crops: int,
        *,
        warmup_teacher_temp: float,
        teacher_temp: float,
        warmup_epochs: int,
        epochs: int,
        student_temp: float = 0.1,
        center_momentum: float = 0.9,
    ) -> None:
        super().__init__()
        if n_crops < GLOBAL_VIEWS:
            raise ValueError(f"n_crops={n_crops} must be at least {GLOBAL_VIEWS}: the global views come first")
        self.n_crops, self.student_temp, self.center_momentum = n_crops, student_temp, center_momentum
        self.temperatures = warmed_up(warmup_teacher_temp, teacher_temp, epochs, warmup_epochs).tolist()
        self.register_buffer("center", torch.zeros(1, out_dim))

    def forward(self, student: Tensor, teacher: Tensor, epoch: int) -> Tensor:
        """The loss of a batch of N images; moves the centre.

        Args:
            student: (n_crops * N, out_dim) scores, views stacked along the first dimension, global ones first.
            teacher: (2 * N, out_dim) scores of the global views.
            epoch: counted from 0.

        Returns:
            scalar, the mean over images and over pairs of unlike views.

        Raises:
            ValueError: the numbers of rows do not fit each other.
        """
        number = len(teacher) // GLOBAL_VIEWS
        if len(teacher) != GLOBAL_VIEWS * number or len(student) != self.n_crops * number:
            raise ValueError(
                f"{len(student)} rows of the student and {len(teacher)} of the teacher are not {self.n_crops} and "
                f"{GLOBAL_VIEWS} views of the same images"
            )
        said = self.teacher_probabilities(teacher, epoch).unflatten(0, (GLOBAL_VIEWS, number))
        answered = functional.log_softmax(student / self.student_temp, dim=-1).unflatten(0, (self.n_crops, number))
        # For each global view g the sum over all views but g itself; one subtraction in place of a loop over pairs.
        others = answered.sum(0) - answered[:GLOBAL_VIEWS]
        self._move_center(teacher)
        return -(said * others).sum(-1).mean(1).sum() / (GLOBAL_VIEWS * (self.n_crops - 1))

    @torch.no_grad()
    def teacher_probabilities(self, teacher: Tensor, epoch: int) -> Tensor:
        """Centred and sharpened: (N, out_dim) scores to (N, out_dim) probabilities; `epoch` counts from 0."""
        return functional.softmax((teacher - self.center) / self.temperatures[epoch], dim=-1)

    @torch.no_grad()
    def _move_center(self, teacher: Tensor) -> None:
        self.center.lerp_(processes.all_reduce_mean(teacher.mean(0, keepdim=True)), 1 - self.center_momentum)


class Network(nn.Module):
    """Backbone and head, for views of several sizes."""

    def __init__(self, backbone: nn.Module, head: DINOHead) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, views: Sequence[Tensor]) -> Tensor:
        """Scores (len(views) * N, out_dim) of views, each (N, 3, H, W)."""
        return self.head(multi_crop(self.backbone, views))


class DINO(nn.Module):
    """The student and the teacher, each a backbone with a head.

    Args:
        backbone: maps images (N, 3, H, W) of any size to features (N, width).
        width: of its features.
        n_crops: number of views, the two global ones first.
        epochs: of the training.
        out_dim: number of prototypes: 65,536 for ImageNet, 2,048 serves for tens of thousands of images.
        hidden, bottleneck: of the head, see `DINOHead`.
        warmup_teacher_temp, teacher_temp, warmup_teacher_epochs, center_momentum: see `DINOLoss`.
        frozen_last_layer_epochs: first epochs in which the student's prototypes stand still.
        clip: largest norm of the gradient of each parameter; 0 for none.
    """

    def __init__(
        self,
        backbone: nn.Module,
        width: int,
        n_crops: int,
        epochs: int,
        *,
        out_dim: int = 65536,
        hidden: int = 2048,
        bottleneck: int = 256,
        warmup_teacher_temp: float = 0.04,
        teacher_temp: float = 0.04,
        warmup_teacher_epochs: int = 0,
        center_momentum: float = 0.9,
        frozen_last_layer_epochs: int = 1,
        clip: float = 3.0,
    ) -> None:
        super().__init__()
        self.student = Network(backbone, DINOHead(width, out_dim, hidden=hidden, bottleneck=bottleneck))
        self.teacher = frozen_copy(self.student)
        self.criterion = DINOLoss(
            out_dim,
            n_crops,
            warmup_teacher_temp=warmup_teacher_temp,
            teacher_temp=teacher_temp,
            warmup_epochs=min(warmup_teacher_epochs, epochs),
            epochs=epochs,
            center_momentum=center_momentum,
        )
        self.frozen_last_layer_epochs, self.clip = frozen_last_layer_epochs, clip

    @property
    def backbone(self) -> nn.Module:
        """What is evaluated and kept: the teacher's backbone, better than the student's (section 5.1 of the paper)."""
        return self.teacher.backbone

    @property
    def networks(self) -> list[nn.Module]:
        """Those that a step runs."""
        return [self.student, self.teacher]

    @property
    def follower(self) -> tuple[nn.Module, nn.Module]:
        """The network that follows, and the one that it follows."""
        return self.teacher, self.student

    def loss(self, views: Sequence[Tensor], epoch: int) -> Tensor:
        """The loss of a batch, its views each (N, 3, H, W), the two global ones first; `epoch` counts from 0."""
        with torch.no_grad():
            teacher = self.teacher(views[:GLOBAL_VIEWS])
        student = self.student(views)
        return self.criterion(student.float(), teacher.float(), epoch)

    def after_backward(self, epoch: int) -> None:
        """Clip the gradient of each parameter; hold the prototypes still in the first epochs.

        Without a gradient an optimizer leaves them alone. Of zeros Adam would count the steps, and its first real
        updates would be several times too large.
        """
        if self.clip:
            clip_each(list(self.student.parameters()), self.clip)
        if epoch < self.frozen_last_layer_epochs:
            self.student.head.prototypes.weight.grad = None

    def follow(self, momentum: float) -> None:
        """Let the teacher follow by one step."""
        follow(self.teacher, self.student, momentum)

    def head_output(self, features: Tensor) -> Tensor:
        """The teacher's scores (N, out_dim) of backbone features (N, width)."""
        return self.teacher.head(features)

    def health(self, outputs: Tensor, epoch: int) -> dict[str, float]:
        """Entropy of the teacher's probabilities for an image, and what its choice says about the image, in nats."""
        probabilities = self.criterion.teacher_probabilities(outputs, epoch)
        return {
            "teacher_entropy": monitors.entropy(probabilities),
            "teacher_information": monitors.information(probabilities),
        }

    def collapse(self, health: dict[str, float]) -> str | None:
        """In words, what is wrong; None if nothing is."""
        largest = math.log(self.criterion.center.shape[1])
        if health["teacher_information"] >= COLLAPSED_SHARE * largest:
            return None
        entropy, information = health["teacher_entropy"], health["teacher_information"]
        if entropy > 0.5 * largest:
            return (
                f"the teacher gives every prototype the same probability (entropy {entropy:.2f} of at most "
                f"ln(out_dim) = {largest:.2f}): a lower teacher temperature sharpens it"
            )
        return (
            f"the teacher chooses the same prototypes for every image (entropy {entropy:.2f}, of which only "
            f"{information:.3f} nats depend on the image): centring would spread them"
        )


@torch.no_grad()
def clip_each(parameters: Sequence[nn.Parameter], largest: float) -> None:
    """Shorten the gradient of each parameter to a norm of at most `largest`, each for itself."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return
    factors = [(largest / (norm + 1e-6)).clamp(max=1) for norm in torch._foreach_norm(gradients)]
    torch._foreach_mul_(gradients, factors)
