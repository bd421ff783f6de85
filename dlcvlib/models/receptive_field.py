"""What one output pixel looks at: the effective receptive field, measured by gradients."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def receptive_field(model: nn.Module, images: Tensor) -> Tensor:
    """Share of each image pixel in what moves the score of the class that is predicted in the image's middle.

    Source: Luo et al. 2016, "Understanding the effective receptive field in deep convolutional neural networks",
    section 2: the size of the gradient of one output position, averaged over images.

    Args:
        model: a segmenter; it is left as it was, and looked at in evaluation mode.
        images: (N, 3, H, W) float, prepared as the network expects them.

    Returns:
        float32 (H, W), of sum 1; 0 where a pixel has no say.

    Raises:
        ValueError: the middle's score depends on no pixel.
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
        raise ValueError("the score of the middle depends on no pixel of these images: are all weights zero?")
    return influence / influence.sum()


def radius_of(field: Tensor, share: float) -> int:
    """Half the side of the smallest square around the middle that holds this share of a receptive field, in pixels.

    Args:
        field: float (H, W) of sum 1.
        share: in (0, 1].
    """
    rows = (torch.arange(field.shape[0]) - field.shape[0] // 2).abs()[:, None]
    columns = (torch.arange(field.shape[1]) - field.shape[1] // 2).abs()[None, :]
    distance = torch.maximum(rows, columns)
    within = torch.zeros(int(distance.max()) + 1, dtype=torch.float64)
    within.scatter_add_(0, distance.flatten(), field.double().flatten().cpu())
    return int(torch.searchsorted(within.cumsum(0), share - 1e-6))
