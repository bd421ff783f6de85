"""Last layer of a classifier, and the features before it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LAST_LAYER_NAMES = ("fc", "head", "classifier")  # torchvision's names; timm has `get_classifier`


def classifier_name(model: nn.Module) -> str:
    """Dotted name of the last layer, such as "fc" or "classifier.1".

    Raises:
        ValueError: the model has no single linear layer or 1x1 convolution as its last layer.
    """
    modules = dict(model.named_modules())
    names = LAST_LAYER_NAMES
    if get_classifier := getattr(model, "get_classifier", None):
        names = tuple(name for name, module in modules.items() if module is get_classifier())
    for name in names:
        found = [
            f"{name}.{inner}" if inner else name
            for inner, module in modules.get(name, nn.Identity()).named_modules()
            if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1))
        ]
        if found:
            return found[-1]
    where = "get_classifier()" if get_classifier else ", ".join(LAST_LAYER_NAMES)
    raise ValueError(
        f"{type(model).__name__} has no single linear layer or 1x1 convolution under {where}: is it a classifier?"
    )


def classifier_of(model: nn.Module) -> nn.Module:
    """Return the last layer, nn.Linear or a 1x1 nn.Conv2d; raise a ValueError if there is none."""
    return model.get_submodule(classifier_name(model))


def penultimate(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the input of the last layer, averaged over positions if that is a convolution, and the logits.

    The model runs in evaluation mode; its training mode is restored. Gradients are recorded unless the caller uses
    `torch.no_grad()`.

    Args:
        model: classifier.
        images: (N, 3, H, W) float, normalised as the model expects.

    Returns:
        features (N, D) float32 and logits (N, num_classes) float32.
    """
    seen: list[Tensor] = []
    hook = classifier_of(model).register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    in_training = [module for module in model.modules() if module.training]
    try:
        model.eval()
        logits = model(images)
    finally:
        hook.remove()
        for module in in_training:
            module.training = True
    features = seen[-1]
    return torch.flatten(features, 2).mean(2).float() if features.ndim == 4 else features.float(), logits.float()
