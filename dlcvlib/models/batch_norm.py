"""Batch normalisation that accepts a single value per channel in training."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class BatchNorm(nn.BatchNorm2d):
    """nn.BatchNorm2d that normalises a single value per channel with the running statistics.

    torch raises an error for it, for example in DeepLab's image pooling for a batch of one image.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Normalise `features`, (N, C, H, W)."""
        single_value = features.numel() == features.shape[1]
        if self.training and single_value:
            return functional.batch_norm(
                features, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
            )
        return super().forward(features)


def accept_single_values(model: nn.Module) -> nn.Module:
    """Replace every nn.BatchNorm2d of `model` by `BatchNorm` with the same weights, and return `model`."""
    for name, old in list(model.named_modules()):
        if type(old) is nn.BatchNorm2d:
            new = BatchNorm(old.num_features, old.eps, old.momentum)
            new.load_state_dict(old.state_dict())
            model.set_submodule(name, new.train(old.training))
    return model
