"""Segmentation losses: per pixel (cross-entropy, focal) and per class region (Dice, Lovász).

All take logits (N, C, H, W) of any float dtype, computed in float32, and class ids (N, H, W). They pool the pixels of
the batch, as the course's score does (Lovász those of a rank's share). Pixels of the class `ignored` get no loss and no
gradient; a batch of only such pixels has the loss 0. None waits for the device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

Pool = Callable[[Tensor], Tensor]
"""Averages a sum over pixels over ranks, where they share a batch; all losses are quotients of such sums."""


def alone(values: Tensor) -> Tensor:
    """Return a sum unchanged: the batch is not shared."""
    return values


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    class_weights: Tensor | None = None,
    ignored: int | None = None,
    pooled: Pool = alone,
) -> Tensor:
    """Return the cross-entropy, -log p of the true class: the weighted mean over pixels.

    Args:
        logits: (N, C, H, W) float.
        target: (N, H, W) integer, class ids 0 to C - 1.
        class_weights: (C,) float, each pixel's weight by its true class; None for equal weights.
        ignored: class whose pixels are left out.
        pooled: see `Pool`.

    Raises:
        ValueError: the shapes do not fit each other, or the target's dtype is not integer.
    """
    return focal_loss(logits, target, gamma=0.0, class_weights=class_weights, ignored=ignored, pooled=pooled)


def focal_loss(
    logits: Tensor,
    target: Tensor,
    gamma: float = 2.0,
    alpha: float = 1.0,
    class_weights: Tensor | None = None,
    ignored: int | None = None,
    pooled: Pool = alone,
) -> Tensor:
    """Return the focal loss, -alpha (1 - p)^gamma log p of the true class: the weighted mean over pixels.

    The factor (1 - p)^gamma, which lessens what is well classified, is that of the pixel: it stands before any mean.
    Source: Lin et al. 2017, Focal loss for dense object detection, equation 5, with softmax in place of sigmoid,
    https://arxiv.org/abs/1708.02002.

    Args:
        logits: (N, C, H, W) float.
        target: (N, H, W) integer, class ids 0 to C - 1.
        gamma: at least 0, where 0 is cross-entropy; 2 in the paper.
        alpha: one factor for all classes, 0.2 in report R4; the paper's alpha of each class is `class_weights`.
        class_weights: (C,) float, each pixel's weight by its true class; None for equal weights.
        ignored: class whose pixels are left out.
        pooled: see `Pool`.

    Raises:
        ValueError: as `cross_entropy`, or gamma is negative.
    """
    if gamma < 0:
        raise ValueError(f"gamma={gamma} must be at least 0: below, the loss would favour what is well classified")
    target = _checked(logits, target)
    log_probability = functional.log_softmax(logits.float(), dim=1).gather(1, target[:, None]).squeeze(1)  # (N, H, W)
    # 1 - p as -expm1(log p), exact where p is near 1; a power below 1 has no finite gradient at 0.
    modulation = (-torch.expm1(log_probability)).clamp(min=1e-12) ** gamma if gamma else 1.0
    weight = _pixel_weights(target, class_weights, ignored)  # (N, H, W)
    total = -alpha * (weight * modulation * log_probability).sum()
    return _over(total, pooled(weight.sum()))


def dice_loss(logits: Tensor, target: Tensor, ignored: int | None = None, pooled: Pool = alone) -> Tensor:
    """Return the Dice loss, 1 - 2 sum(p g) / (sum p² + sum g²): the mean over classes present in the target.

    g is 1 on the pixels of the class, else 0. Of a class without such pixels the quotient is 0 whatever p is, and
    would teach nothing. Source: Milletari et al. 2016, V-Net, section 3, of two classes there,
    https://arxiv.org/abs/1606.04797.

    Args:
        logits: (N, C, H, W) float.
        target: (N, H, W) integer, class ids 0 to C - 1.
        ignored: class whose pixels are left out.
        pooled: see `Pool`.

    Raises:
        ValueError: as `cross_entropy`.
    """
    probability, truth = _by_class(logits, target, ignored)
    overlap, size = pooled((probability * truth).sum(1)), pooled((probability.square() + truth).sum(1))
    return _mean_of_present(1 - 2 * overlap / size.clamp(min=1e-12), pooled(truth.amax(1)) > 0)


def lovasz_softmax(logits: Tensor, target: Tensor, ignored: int | None = None) -> Tensor:
    """Return the Lovász-softmax loss, the convex extension of 1 - IoU: the mean over the target's classes.

    A class's error at a pixel is |g - p|. Were the k worst pixels wrong and the others right, 1 - IoU would be J_k. The
    loss is the sum of the errors, worst first, each weighted by what its pixel adds, J_k - J_(k-1).
    Source: Berman et al. 2018, The Lovász-softmax loss, algorithm 1,
    https://arxiv.org/abs/1705.08790.

    Args:
        logits: (N, C, H, W) float.
        target: (N, H, W) integer, class ids 0 to C - 1.
        ignored: class whose pixels are left out.

    Raises:
        ValueError: as `cross_entropy`.
    """
    probability, truth = _by_class(logits, target, ignored)
    errors, order = (truth - probability).abs().sort(dim=1, descending=True)
    increase = _increase_of_jaccard_loss(truth.gather(1, order))
    return _mean_of_present((errors * increase).sum(1), truth.amax(1) > 0)


def class_weights(shares: Tensor | Sequence[float], ignored: int | None = None) -> Tensor:
    """Return class weights by median frequency: the median share of pixels over the class's own.

    Source: Eigen & Fergus 2015, Predicting depth, surface normals and semantic labels,
    https://arxiv.org/abs/1411.4734; shares are of all images here, theirs of the images that have the class.

    Args:
        shares: (C,) of the training pixels, see `dlcvlib.metrics.area_share`.
        ignored: class of weight 0, left out of the median: Unknown, of .0006 of the pixels, would weigh 140.

    Returns:
        (C,) float32; 0 for a class without pixels.

    Raises:
        ValueError: a share is negative or not finite, or none is left that is positive.
    """
    shares = torch.as_tensor(shares, dtype=torch.float64).clone()
    if not (shares.isfinite() & (shares >= 0)).all():
        raise ValueError(f"shares must be finite and at least 0, got {shares.tolist()}")
    if ignored is not None:
        shares[ignored] = 0
    present = shares > 0
    if not present.any():
        raise ValueError(f"no class has a positive share among {shares.tolist()}")
    return torch.where(present, shares[present].quantile(0.5) / shares, 0.0).float()


def _checked(logits: Tensor, target: Tensor) -> Tensor:
    """Return the target as int64, after checking that it fits the logits."""
    if logits.ndim != 4 or target.shape != (logits.shape[0], *logits.shape[2:]):
        raise ValueError(
            f"logits must be (N, C, H, W) and target (N, H, W) of the same N, H, W, "
            f"got {tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if target.is_floating_point() or target.dtype == torch.bool:
        raise ValueError(f"target must hold integer class ids, got {target.dtype}")
    return target.long()


def _pixel_weights(target: Tensor, class_weights: Tensor | None, ignored: int | None) -> Tensor:
    """Return the weight of each pixel's class, float32 (N, H, W); 0 where ignored."""
    if class_weights is None:
        weight = torch.ones_like(target, dtype=torch.float32)
    else:
        weight = class_weights.to(target.device, torch.float32)[target]
    return weight if ignored is None else weight * (target != ignored)


def _by_class(logits: Tensor, target: Tensor, ignored: int | None) -> tuple[Tensor, Tensor]:
    """Return probabilities and one-hot target, float32 (C, pixels); both 0 at ignored pixels."""
    target = _checked(logits, target)
    number = logits.shape[1]
    probability = logits.float().softmax(1).transpose(0, 1).flatten(1)
    truth = (target.flatten() == torch.arange(number, device=target.device)[:, None]).float()
    if ignored is None:
        return probability, truth
    counted = target.flatten() != ignored
    return probability * counted, truth * counted


def _increase_of_jaccard_loss(truth: Tensor) -> Tensor:
    """Return the gradient of the Lovász extension: each pixel's increase of 1 - IoU, worst first, (C, pixels)."""
    lost = truth.cumsum(1, dtype=torch.int32)  # counts beyond 2**24 are not exact in float32
    added = (1 - truth).cumsum(1, dtype=torch.int32)
    area = lost[:, -1:]
    jaccard_loss = 1 - (area - lost) / (area + added)
    return torch.cat([jaccard_loss[:, :1], jaccard_loss.diff(dim=1)], dim=1)


def _mean_of_present(losses: Tensor, present: Tensor) -> Tensor:
    """Return the mean of losses (C,) over the present classes, bool (C,)."""
    return _over((losses * present).sum(), present.sum())


def _over(total: Tensor, weight: Tensor) -> Tensor:
    """Return the quotient; 0 if the weights sum to 0."""
    return total / torch.where(weight > 0, weight, 1)
