"""DINO: a student network predicts, from all views of an image, its own moving average's output for the large views.

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
from dlcvlib.ssl.ema import frozen_copy
from dlcvlib.ssl.method import Method
from dlcvlib.ssl.multi_crop import multi_crop
from dlcvlib.ssl.schedules import warmed_up

GLOBAL_VIEWS = 2
COLLAPSED_SHARE = 0.01
"""Mutual information of image and prototype, as a share of ln(out_dim), below which the teacher counts as collapsed."""
USED_SHARE = 0.2
"""Entropy of the mean probabilities of all images, as a share of ln(out_dim), below which it collapsed, too."""


class DINOLoss(nn.Module):
    """Cross-entropy between the teacher's probabilities of a global view and the student's of every other view.

    H = -sum_k P_teacher(k) ln P_student(k), equations 2 and 3 of the paper. The teacher's scores are centred, which
    keeps one prototype from dominating, and sharpened by a low temperature, which keeps the probabilities from becoming
    uniform; either alone collapses (section 5.3 of the paper).

    Args:
        out_dim: number of prototypes.
        n_crops: number of views, the two global ones included.
        warmup_teacher_temp: teacher temperature in the first epoch.
        teacher_temp: teacher temperature after the warm-up.
        warmup_epochs: length of the warm-up of the teacher temperature.
        epochs: length of the training run.
        student_temp: student temperature.
        center_momentum: EMA decay of the centre, the mean of the teacher's scores (equation 4); 1 keeps it at zero.
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
            raise ValueError(f"n_crops={n_crops} must be at least {GLOBAL_VIEWS}, the global views")
        self.n_crops, self.student_temp, self.center_momentum = n_crops, student_temp, center_momentum
        self.temperatures = warmed_up(warmup_teacher_temp, teacher_temp, epochs, warmup_epochs).tolist()
        self.register_buffer("center", torch.zeros(1, out_dim))

    def forward(self, student: Tensor, teacher: Tensor, epoch: int) -> Tensor:
        """Return the loss of a batch of N images; update the centre.

        Args:
            student: (n_crops * N, out_dim) scores, views stacked along dim 0, global ones first.
            teacher: (2 * N, out_dim) scores of the global views.
            epoch: counted from 0.

        Returns:
            scalar, the mean over images and over pairs of different views.

        Raises:
            ValueError: the numbers of rows do not match.
        """
        number = len(teacher) // GLOBAL_VIEWS
        if len(teacher) != GLOBAL_VIEWS * number or len(student) != self.n_crops * number:
            raise ValueError(
                f"{len(student)} rows of the student and {len(teacher)} of the teacher are not {self.n_crops} and "
                f"{GLOBAL_VIEWS} views of the same images"
            )
        # Axes: t global view of the teacher, s view of the student, b image, k prototype.
        teacher_probs = self.teacher_probs(teacher, epoch).unflatten(0, (GLOBAL_VIEWS, number))  # t b k
        student_log_probs = functional.log_softmax(student / self.student_temp, dim=-1)
        student_log_probs = student_log_probs.unflatten(0, (self.n_crops, number))  # s b k
        # Sum over all s except s = t, one row for each t: one subtraction instead of a loop over pairs.
        other_views = student_log_probs.sum(0) - student_log_probs[:GLOBAL_VIEWS]  # t b k
        self._update_center(teacher)
        return -(teacher_probs * other_views).sum(-1).mean(1).sum() / (GLOBAL_VIEWS * (self.n_crops - 1))

    @torch.no_grad()
    def teacher_probs(self, teacher: Tensor, epoch: int) -> Tensor:
        """Return the softmax of centred and sharpened scores, (N, out_dim) to (N, out_dim); `epoch` counts from 0."""
        return functional.softmax((teacher - self.center) / self.temperatures[epoch], dim=-1)

    @torch.no_grad()
    def _update_center(self, teacher: Tensor) -> None:
        self.center.lerp_(processes.all_reduce_mean(teacher.mean(0, keepdim=True)), 1 - self.center_momentum)


class Network(nn.Module):
    """Backbone and head for views of several sizes."""

    def __init__(self, backbone: nn.Module, head: DINOHead) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, views: Sequence[Tensor]) -> Tensor:
        """Return scores (len(views) * N, out_dim) of views, each (N, 3, H, W)."""
        return self.head(multi_crop(self.backbone, views))


class DINO(Method):
    """Student and teacher, each a backbone with a head.

    The teacher's backbone is the one evaluated: it is better than the student's (section 5.1 of the paper).

    Args:
        backbone: maps images (N, 3, H, W) of any size to features (N, feature_dim).
        feature_dim: length of a feature vector.
        views: number of views of an image, the two global ones included.
        epochs: length of the training run.
        out_dim: number of prototypes: 65,536 for ImageNet; 2,048 suffice for tens of thousands of images.
        hidden, bottleneck, batch_norm: see `DINOHead`.
        warmup_teacher_temp, teacher_temp, warmup_teacher_epochs, center_momentum: see `DINOLoss`.
        frozen_last_layer_epochs: number of first epochs in which the student's prototypes are frozen.
        clip: maximum norm of the gradient of each parameter; 0 for no clipping.
    """

    def __init__(
        self,
        backbone: nn.Module,
        feature_dim: int,
        *,
        views: int,
        epochs: int,
        out_dim: int = 65536,
        hidden: int = 2048,
        bottleneck: int = 256,
        batch_norm: bool = False,
        warmup_teacher_temp: float = 0.04,
        teacher_temp: float = 0.04,
        warmup_teacher_epochs: int = 0,
        center_momentum: float = 0.9,
        frozen_last_layer_epochs: int = 1,
        clip: float = 3.0,
    ) -> None:
        super().__init__()
        head = DINOHead(feature_dim, out_dim, hidden=hidden, bottleneck=bottleneck, batch_norm=batch_norm)
        self.student = Network(backbone, head)
        self.teacher = frozen_copy(self.student)
        self.criterion = DINOLoss(
            out_dim,
            views,
            warmup_teacher_temp=warmup_teacher_temp,
            teacher_temp=teacher_temp,
            warmup_epochs=min(warmup_teacher_epochs, epochs),
            epochs=epochs,
            center_momentum=center_momentum,
        )
        self.frozen_last_layer_epochs, self.clip = frozen_last_layer_epochs, clip

    @property
    def backbone(self) -> nn.Module:
        """Backbone of the teacher."""
        return self.teacher.backbone

    @property
    def networks(self) -> list[nn.Module]:
        """Student and teacher."""
        return [self.student, self.teacher]

    @property
    def target_and_online(self) -> tuple[nn.Module, nn.Module]:
        """Teacher and student."""
        return self.teacher, self.student

    def loss(self, views: Sequence[Tensor], epoch: int) -> Tensor:
        """Return the loss of a batch of views, each (N, 3, H, W), the two global ones first; `epoch` counts from 0."""
        with torch.no_grad():
            teacher = self.teacher(views[:GLOBAL_VIEWS])
        student = self.student(views)
        return self.criterion(student.float(), teacher.float(), epoch)

    def after_backward(self, epoch: int) -> None:
        """Clip the gradient of each parameter; freeze the prototypes in the first epochs.

        An optimizer skips a parameter whose gradient is None. With zeros instead, Adam would count the steps, and its
        first real updates would be several times too large.
        """
        if self.clip:
            clip_each(list(self.student.parameters()), self.clip)
        if epoch < self.frozen_last_layer_epochs:
            self.student.head.prototypes.weight.grad = None

    def head_output(self, features: Tensor) -> Tensor:
        """Return the teacher's scores (N, out_dim) of backbone features (N, feature_dim)."""
        return self.teacher.head(features)

    def health(self, outputs: Tensor, epoch: int) -> dict[str, float]:
        """Return entropy and mutual information of the teacher's probabilities, in nats."""
        probs = self.criterion.teacher_probs(outputs, epoch)
        return {
            "teacher_entropy": monitors.entropy(probs),
            "teacher_information": monitors.mutual_information(probs),
        }

    def collapse(self, health: dict[str, float]) -> str | None:
        """Return which of the two kinds of collapse `health` shows, None if there is none."""
        max_entropy = math.log(self.criterion.center.shape[1])
        entropy, information = health["teacher_entropy"], health["teacher_information"]
        # The mean probabilities of all images have the entropy of one image plus the mutual information.
        if information >= COLLAPSED_SHARE * max_entropy and entropy + information >= USED_SHARE * max_entropy:
            return None
        if entropy > 0.5 * max_entropy:
            return (
                f"the teacher gives every prototype the same probability (entropy {entropy:.2f} of at most "
                f"ln(out_dim) = {max_entropy:.2f}): a lower teacher temperature sharpens it"
            )
        return (
            f"the teacher chooses the same prototypes for nearly every image (entropy {entropy:.2f}, mutual "
            f"information with the image only {information:.3f} nats): centring prevents this"
        )


@torch.no_grad()
def clip_each(parameters: Sequence[nn.Parameter], max_norm: float) -> None:
    """Scale the gradient of each parameter separately to a norm of at most `max_norm`, in place."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return
    factors = [(max_norm / (norm + 1e-6)).clamp(max=1) for norm in torch._foreach_norm(gradients)]
    torch._foreach_mul_(gradients, factors)
