"""BYOL and DINO put together from lightly's modules as its own PyTorch examples do, with our sizes.

Source: examples/pytorch/byol.py and dino.py of https://github.com/lightly-ai/lightly (MIT licence): modules, order of
the calls, optimizers and their settings. Crop sizes, head sizes and backbone are ours.
"""

from __future__ import annotations

import copy
from functools import partial
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


class _BYOL(nn.Module):
    def __init__(self, backbone: nn.Module, feature_dim: int, hidden: int, out: int) -> None:
        super().__init__()
        self.online = nn.Sequential(backbone, nn.Flatten(), BYOLProjectionHead(feature_dim, hidden, out))
        self.prediction_head = BYOLPredictionHead(out, hidden, out)
        self.averaged = copy.deepcopy(self.online)
        deactivate_requires_grad(self.averaged)
        self.criterion = NegativeCosineSimilarity()

    def forward(self, views: list[Tensor]) -> Tensor:
        x0, x1 = views
        p0 = self.prediction_head(self.online(x0))
        z0 = self.averaged(x0).detach()
        p1 = self.prediction_head(self.online(x1))
        z1 = self.averaged(x1).detach()
        return 0.5 * (self.criterion(p0, z1) + self.criterion(p1, z0))


class _DINO(nn.Module):
    def __init__(self, backbone: nn.Module, feature_dim: int, hidden: int, bottleneck: int, out_dim: int) -> None:
        super().__init__()
        sizes = (feature_dim, hidden, bottleneck, out_dim)
        self.student_head = DINOProjectionHead(*sizes, freeze_last_layer=1)
        self.online = nn.Sequential(backbone, nn.Flatten(), self.student_head)
        self.averaged = nn.Sequential(copy.deepcopy(backbone), nn.Flatten(), DINOProjectionHead(*sizes))
        deactivate_requires_grad(self.averaged)
        self.criterion = DINOLoss(output_dim=out_dim, warmup_teacher_temp_epochs=5)

    def forward(self, views: list[Tensor]) -> Tensor:
        teacher_out = [self.averaged(view) for view in views[:2]]
        student_out = [self.online(view) for view in views]
        return self.criterion(teacher_out, student_out, epoch=EPOCH)


def train(
    recipe: PretrainingRecipe, image_set: ImageSet, workers: int, device: torch.device, precision: Precision
) -> Steps:
    """Train as the example of the recipe's method does."""
    build, transform, build_optimizer = EXAMPLES[recipe.method]
    heads = {name: size for name, size in recipe.method_options.items() if "temp" not in name}
    model = build(*build_backbone(recipe), **heads).to(device)
    optimizer = build_optimizer(model.parameters())
    augment = transform(recipe.views[0], recipe.views[-1])
    for batch, _ in other_loops.batches(image_set, augment, recipe.batch_size, workers):
        update_momentum(model.online, model.averaged, m=MOMENTUM)
        views = [view.to(device) for view in batch]
        with autocast(device, precision):
            loss = model(views)
        loss.backward()
        if recipe.method == "dino":
            model.student_head.cancel_last_layer_gradients(current_epoch=EPOCH)
        optimizer.step()
        optimizer.zero_grad()
        yield


def byol_transform(first: View, _: View) -> BYOLTransform:
    """Return lightly's augmentation with our crops; its probabilities and strengths are the papers', as ours."""
    crop: dict[str, Any] = {"input_size": first.size, "min_scale": _scale(first)[0]}
    return BYOLTransform(BYOLView1Transform(**crop), BYOLView2Transform(**crop))


def dino_transform(first: View, last: View) -> DINOTransform:
    """Return lightly's augmentation with our crops."""
    return DINOTransform(first.size, _scale(first), last.size, _scale(last), last.count)


def _scale(view: View) -> tuple[float, float]:
    return view.augmentation["random_resized_crop"]["scale"]


EXAMPLES: dict[str, tuple[Any, Any, Any]] = {
    "byol": (_BYOL, byol_transform, partial(torch.optim.SGD, lr=0.06)),
    "dino": (_DINO, dino_transform, partial(torch.optim.Adam, lr=0.001)),
}
