"""Synchronised batch normalisation on any device; torch's nn.SyncBatchNorm works on GPUs only."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from dlcvlib import processes


class SynchronisedBatchNorm(_BatchNorm):
    """Batch normalisation with mean and variance over all ranks; its state has the keys of nn.BatchNorm2d.

    All ranks must hold equally many values.
    """

    @classmethod
    def like(cls, layer: _BatchNorm) -> Self:
        """Return a layer that shares the parameters and statistics of `layer`."""
        new = cls(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        new._parameters, new._buffers = layer._parameters, layer._buffers
        return new.train(layer.training)

    def forward(self, features: Tensor) -> Tensor:
        """Normalise `features` (N, C) or (N, C, H, W), keeping the dtype; with running statistics in evaluation."""
        if not self.training:
            return super().forward(features)
        values = features.float()
        over = [dimension for dimension in range(features.ndim) if dimension != 1]
        channel = [1, -1] + [1] * (features.ndim - 2)
        mean = processes.all_reduce_mean(values.mean(over))
        centred = values - mean.view(channel)
        variance = processes.all_reduce_mean(centred.square().mean(over))
        self._update_statistics(
            mean.detach(), variance.detach(), processes.world_size() * values.numel() // self.num_features
        )
        normalised = centred * torch.rsqrt(variance + self.eps).view(channel)
        if self.affine:
            normalised = normalised * self.weight.view(channel) + self.bias.view(channel)
        return normalised.to(features.dtype)

    def _update_statistics(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update the running statistics, the variance unbiased, as nn.BatchNorm2d does."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / max(1, count - 1)), share)

    def _check_input_dim(self, input: Tensor) -> None:
        """Accept any number of dimensions."""
