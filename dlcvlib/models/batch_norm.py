"""Batch normalisation that also trains where a batch holds a single value a channel."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation, except that a single value a channel is normalised with the running statistics.

    torch raises an error there, as a single value has no variance: a batch of one image after global pooling, as in
    DeepLab's image-level branch. The keys are those of nn.BatchNorm2d.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Normalised `features`, (N, C, H, W)."""
        single_value = features.numel() == features.shape[1]
        if self.training and single_value:
            return functional.batch_norm(
                features, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
            )
        return super().forward(features)


def accept_single_values(model: nn.Module) -> nn.Module:
    """Replace every nn.BatchNorm2d inside `model` by `BatchNorm`, with the same weights; returns `model`."""
    for name, old in list(model.named_modules()):
        if type(old) is nn.BatchNorm2d:
            new = BatchNorm(old.num_features, old.eps, old.momentum)
            new.load_state_dict(old.state_dict())
            model.set_submodule(name, new.train(old.training))
    return model
