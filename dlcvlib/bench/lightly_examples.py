"""BYOL and DINO put together from lightly's modules as its own PyTorch examples do, with our sizes.

Source: examples/pytorch/byol.py and dino.py of https://github.com/lightly-ai/lightly (MIT licence): modules, order of
the calls, optimizers and their settings. Crop sizes, head sizes and backbone are ours.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from lightly.loss import DINOLoss, NegativeCosineSimilarity
from lightly.models.modules import BYOLPredictionHead, BYOLProjectionHead, DINOProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.transforms import BYOLTransform, BYOLView1Transform, BYOLView2Transform, DINOTransform
from torch import Tensor, nn

from dlcvlib.bench import other_loops
from dlcvlib.bench.measuring import Steps
from dlcvlib.data import ImageSet
from dlcvlib.recipes import PretrainingRecipe, View
from dlcvlib.training.device import Precision, autocast
from dlcvlib.training.networks import build_backbone

MOMENTUM = 0.996
EPOCH = 0


class BYOL(nn.Module):
    """The example's networks and loss."""

    def __init__(self, backbone: nn.Module, feature_dim: int, hidden: int, out: int) -> None:
        super().__init__()
        self.online = nn.Sequential(backbone, nn.Flatten(), BYOLProjectionHead(feature_dim, hidden, out))
        self.prediction_head = BYOLPredictionHead(out, hidden, out)
        self.averaged = copy.deepcopy(self.online)
        self.criterion = NegativeCosineSimilarity()
        deactivate_requires_grad(self.averaged)

    def forward(self, views: list[Tensor]) -> Tensor:
        """Return the loss of two views."""
        p0, z0, p1, z1 = (
            output for x in views for output in (self.prediction_head(self.online(x)), self.averaged(x).detach())
        )
        return 0.5 * (self.criterion(p0, z1) + self.criterion(p1, z0))

    def after_backward(self) -> None:
        """Leave the gradients."""


class DINO(nn.Module):
    """The example's networks and loss."""

    def __init__(self, backbone: nn.Module, feature_dim: int, hidden: int, bottleneck: int, out_dim: int) -> None:
        super().__init__()
        sizes = (feature_dim, hidden, bottleneck, out_dim)
        self.averaged = nn.Sequential(copy.deepcopy(backbone), nn.Flatten(), DINOProjectionHead(*sizes))
        self.online = nn.Sequential(backbone, nn.Flatten(), DINOProjectionHead(*sizes, freeze_last_layer=1))
        self.criterion = DINOLoss(output_dim=out_dim, warmup_teacher_temp_epochs=5)
        deactivate_requires_grad(self.averaged)

    def forward(self, views: list[Tensor]) -> Tensor:
        """Return the loss of all views, of which the teacher sees the first two."""
        teacher_out = [self.averaged(view) for view in views[:2]]
        student_out = [self.online(view) for view in views]
        return self.criterion(teacher_out, student_out, epoch=EPOCH)

    def after_backward(self) -> None:
        """Cancel the gradients of the last layer."""
        head: Any = self.online[-1]
        head.cancel_last_layer_gradients(current_epoch=EPOCH)


def train(
    recipe: PretrainingRecipe, image_set: ImageSet, workers: int, device: torch.device, precision: Precision
) -> Steps:
    """Train as the example of the recipe's method does."""
    build, transform, build_optimizer = EXAMPLES[recipe.method]
    names = recipe.method_options.keys() & {"hidden", "out", "bottleneck", "out_dim"}
    model = build(*build_backbone(recipe), **{name: recipe.method_options[name] for name in names}).to(device)
    optimizer = build_optimizer(model.parameters())
    for batch, _ in other_loops.batches(image_set, transform(recipe), recipe.batch_size, workers):
        update_momentum(model.online, model.averaged, m=MOMENTUM)
        views = [view.to(device) for view in batch]
        with autocast(device, precision):
            loss = model(views)
        loss.backward()
        model.after_backward()
        optimizer.step()
        optimizer.zero_grad()
        yield


def byol_transform(recipe: PretrainingRecipe) -> BYOLTransform:
    """Return lightly's augmentation, whose probabilities and strengths are the paper's, with our crops."""
    view = recipe.views[0]
    crop: dict[str, Any] = {"input_size": view.size, "min_scale": _scale(view)[0]}
    return BYOLTransform(BYOLView1Transform(**crop), BYOLView2Transform(**crop))


def dino_transform(recipe: PretrainingRecipe) -> DINOTransform:
    """Return lightly's augmentation, whose probabilities and strengths are the paper's, with our crops."""
    large, small = recipe.views[0], recipe.views[-1]
    return DINOTransform(large.size, _scale(large), small.size, _scale(small), small.count)


def _scale(view: View) -> tuple[float, float]:
    return view.augmentation["random_resized_crop"]["scale"]


Example = tuple[Callable[..., Any], Callable[[PretrainingRecipe], Any], Callable[..., torch.optim.Optimizer]]
EXAMPLES: dict[str, Example] = {
    "byol": (BYOL, byol_transform, lambda parameters: torch.optim.SGD(parameters, lr=0.06)),
    "dino": (DINO, dino_transform, lambda parameters: torch.optim.Adam(parameters, lr=0.001)),
}
