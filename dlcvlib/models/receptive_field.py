"""Effective receptive field of a segmenter, measured by gradients."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def receptive_field(model: nn.Module, images: Tensor) -> Tensor:
    """Effective receptive field of the central output pixel: its gradient's magnitude per input pixel, normalised.

    The gradient is that of the score of the predicted class.

    Source: Luo et al. 2016, "Understanding the effective receptive field in deep convolutional neural networks",
    section 2.

    Args:
        model: segmenter, run in evaluation mode; its training mode is restored.
        images: (N, 3, H, W) float, normalised as the network expects.

    Returns:
        float32 (H, W), mean over the images, of sum 1.

    Raises:
        ValueError: the gradient is zero.
    """
    height, width = images.shape[-2:]
    images = images.detach().clone().requires_grad_()
    was_training = model.training
    try:
        scores = model.eval()(images)[:, :, height // 2, width // 2].amax(1)
        (gradient,) = torch.autograd.grad(scores.sum(), images)
    finally:
        model.train(was_training)
    influence = gradient.abs().sum(dim=(0, 1)).float()
    if not influence.any():
        raise ValueError("the central score depends on no pixel of these images: are all weights zero?")
    return influence / influence.sum()


def radius_of(field: Tensor, share: float) -> int:
    """Half the side, in pixels, of the smallest central square that holds this fraction of a receptive field.

    Args:
        field: float (H, W) of sum 1.
        share: fraction in (0, 1].
    """
    rows = (torch.arange(field.shape[0]) - field.shape[0] // 2).abs()[:, None]
    columns = (torch.arange(field.shape[1]) - field.shape[1] // 2).abs()[None, :]
    distance = torch.maximum(rows, columns)
    within = torch.zeros(int(distance.max()) + 1, dtype=torch.float64)
    within.scatter_add_(0, distance.flatten(), field.double().flatten().cpu())
    return int(torch.searchsorted(within.cumsum(0), share - 1e-6))
