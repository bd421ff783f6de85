"""Label-free measures of a representation, which show a collapse.

Features and outputs are of held-out images, one row each.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def normalized_std(outputs: Tensor) -> float:
    """Standard deviation of the l2-normalised rows, mean over dimensions, times sqrt(D).

    1 if the directions are uniformly distributed, 0 if all are equal.
    Source: Chen and He 2021, SimSiam, section 4.1, where 1 / sqrt(D) is the healthy std.

    Args:
        outputs: (N, D) float, N at least 2.
    """
    unit = functional.normalize(outputs.float(), dim=1)
    return float(unit.std(0).mean() * unit.shape[1] ** 0.5)


def rank_me(features: Tensor) -> float:
    """Effective rank: exp of the entropy of the singular values, between 1 and min(N, D).

    Source: Garrido et al. 2023, RankMe, equation 1, https://arxiv.org/abs/2210.02885.

    Args:
        features: (N, D) float.
    """
    singular = torch.linalg.svdvals(features.float())
    shares = singular / singular.sum().clamp_min(1e-12) + 1e-7
    return float(torch.exp(-(shares * shares.log()).sum()))


def entropy(probabilities: Tensor) -> float:
    """Mean entropy of each row of (N, K) probabilities, in nats, between 0 and ln K."""
    return float(torch.special.entr(probabilities).sum(1).mean())


def mutual_information(probabilities: Tensor) -> float:
    """Mutual information of image and prototype in nats: entropy of the mean row minus mean entropy, at least 0.

    It is 0 in both kinds of collapse: all rows uniform, or all rows on the same prototype.

    Args:
        probabilities: (N, K) float.
    """
    return max(0.0, float(torch.special.entr(probabilities.mean(0)).sum()) - entropy(probabilities))
