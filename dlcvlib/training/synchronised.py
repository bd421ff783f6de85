"""Batch normalisation over the batches of several processes, on any device; torch's own works on GPUs only."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from dlcvlib import processes


class SynchronisedBatchNorm(_BatchNorm):
    """Batch normalisation whose mean and variance are those of all processes' values; the keys are nn.BatchNorm2d's.

    Every process must hold as many values as the others.
    """

    @classmethod
    def like(cls, layer: _BatchNorm) -> Self:
        """One with the parameters and statistics of `layer`, the same tensors."""
        new = cls(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        new._parameters, new._buffers = layer._parameters, layer._buffers
        return new.train(layer.training)

    def forward(self, features: Tensor) -> Tensor:
        """Normalised `features`, (N, C) or (N, C, H, W), of the same dtype; with running statistics in evaluation."""
        if not self.training:
            return super().forward(features)
        values = features.float()
        over = [dimension for dimension in range(features.ndim) if dimension != 1]
        channel = [1, -1] + [1] * (features.ndim - 2)
        mean = processes.all_reduce_mean(values.mean(over))
        centred = values - mean.view(channel)
        variance = processes.all_reduce_mean(centred.square().mean(over))
        self._follow(mean.detach(), variance.detach(), processes.world_size() * values.numel() // self.num_features)
        normalised = centred * torch.rsqrt(variance + self.eps).view(channel)
        if self.affine:
            normalised = normalised * self.weight.view(channel) + self.bias.view(channel)
        return normalised.to(features.dtype)

    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Let the running statistics follow, the variance without its bias, as nn.BatchNorm2d does."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / max(1, count - 1)), share)

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions will do."""
