"""BYOL and DINO put together from lightly's modules as its own PyTorch examples do, with our sizes.

Source: examples/pytorch/byol.py and dino.py of https://github.com/lightly-ai/lightly (MIT licence): modules, order of
the calls, optimizers and their settings. Ours are the crop and head sizes and the backbone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightly.loss import DINOLoss, NegativeCosineSimilarity
from lightly.models.modules import BYOLPredictionHead, BYOLProjectionHead, DINOProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.transforms import BYOLTransform, BYOLView1Transform, BYOLView2Transform, DINOTransform
from torch import Tensor, nn
from torch.utils.data import DataLoader

from dlcvlib.bench.measuring import Steps
from dlcvlib.bench.plain_pytorch import loader
from dlcvlib.recipes import PretrainingRecipe, View
from dlcvlib.training.device import Precision, autocast
from dlcvlib.training.networks import build_backbone

MOMENTUM = 0.996
EPOCH = 0


class BYOL(nn.Module):
    """The example's module."""

    def __init__(self, backbone: nn.Module, width: int, *, hidden: int, out: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.projection_head = BYOLProjectionHead(width, hidden, out)
        self.prediction_head = BYOLPredictionHead(out, hidden, out)
        self.backbone_momentum = copy.deepcopy(self.backbone)
        self.projection_head_momentum = copy.deepcopy(self.projection_head)
        deactivate_requires_grad(self.backbone_momentum)
        deactivate_requires_grad(self.projection_head_momentum)

    def forward(self, x: Tensor) -> Tensor:
        """Predictions of one view."""
        y = self.backbone(x).flatten(start_dim=1)
        return self.prediction_head(self.projection_head(y))

    def forward_momentum(self, x: Tensor) -> Tensor:
        """Projections by the moving average."""
        y = self.backbone_momentum(x).flatten(start_dim=1)
        return self.projection_head_momentum(y).detach()


class DINO(nn.Module):
    """The example's module."""

    def __init__(self, backbone: nn.Module, width: int, *, hidden: int, bottleneck: int, out_dim: int) -> None:
        super().__init__()
        self.student_backbone = backbone
        self.student_head = DINOProjectionHead(width, hidden, bottleneck, out_dim, freeze_last_layer=1)
        self.teacher_backbone = copy.deepcopy(backbone)
        self.teacher_head = DINOProjectionHead(width, hidden, bottleneck, out_dim)
        deactivate_requires_grad(self.teacher_backbone)
        deactivate_requires_grad(self.teacher_head)

    def forward(self, x: Tensor) -> Tensor:
        """The student's scores of one view."""
        return self.student_head(self.student_backbone(x).flatten(start_dim=1))

    def forward_teacher(self, x: Tensor) -> Tensor:
        """The teacher's scores of one view."""
        return self.teacher_head(self.teacher_backbone(x).flatten(start_dim=1))


def byol(recipe: PretrainingRecipe, batches: DataLoader[Any], device: torch.device, precision: Precision) -> Steps:
    """The example's training loop."""
    sizes = {name: recipe.method_options[name] for name in ("hidden", "out")}
    model = BYOL(*build_backbone(recipe), **sizes).to(device)
    criterion = NegativeCosineSimilarity()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.06)
    for (x0, x1), _ in batches:
        update_momentum(model.backbone, model.backbone_momentum, m=MOMENTUM)
        update_momentum(model.projection_head, model.projection_head_momentum, m=MOMENTUM)
        x0, x1 = x0.to(device), x1.to(device)
        with autocast(device, precision):
            p0 = model(x0)
            z0 = model.forward_momentum(x0)
            p1 = model(x1)
            z1 = model.forward_momentum(x1)
            loss = 0.5 * (criterion(p0, z1) + criterion(p1, z0))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        yield


def dino(recipe: PretrainingRecipe, batches: DataLoader[Any], device: torch.device, precision: Precision) -> Steps:
    """The example's training loop."""
    sizes = {name: recipe.method_options[name] for name in ("hidden", "bottleneck", "out_dim")}
    model = DINO(*build_backbone(recipe), **sizes).to(device)
    criterion = DINOLoss(output_dim=sizes["out_dim"], warmup_teacher_temp_epochs=5).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    for views, _ in batches:
        update_momentum(model.student_backbone, model.teacher_backbone, m=MOMENTUM)
        update_momentum(model.student_head, model.teacher_head, m=MOMENTUM)
        views = [view.to(device) for view in views]
        with autocast(device, precision):
            teacher_out = [model.forward_teacher(view) for view in views[:2]]
            student_out = [model.forward(view) for view in views]
            loss = criterion(teacher_out, student_out, epoch=EPOCH)
        loss.backward()
        model.student_head.cancel_last_layer_gradients(current_epoch=EPOCH)
        optimizer.step()
        optimizer.zero_grad()
        yield


LOOPS: dict[str, Callable[..., Steps]] = {"byol": byol, "dino": dino}


def pretraining(
    recipe: PretrainingRecipe, folders: Path, workers: int, device: torch.device, precision: Precision
) -> Steps:
    """The example of the recipe's method, on the images in `folders`."""
    batches = loader(folders, recipe.batch_size, workers, views_of(recipe), endless=True)
    return LOOPS[recipe.method](recipe, batches, device, precision)


def views_of(recipe: PretrainingRecipe) -> BYOLTransform | DINOTransform:
    """lightly's augmentations with our sizes and scales of crops; chances and strengths are the papers', as ours."""

    def scale(view: View) -> tuple[float, float]:
        return view.augmentation["random_resized_crop"]["scale"]

    first = recipe.views[0]
    if recipe.method == "byol":
        crop: dict[str, Any] = {"input_size": first.size, "min_scale": scale(first)[0]}
        return BYOLTransform(BYOLView1Transform(**crop), BYOLView2Transform(**crop))
    local = recipe.views[-1]
    return DINOTransform(first.size, scale(first), local.size, scale(local), local.count)
