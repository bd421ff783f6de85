"""Layer table of a network: output shapes, parameters, multiply-adds."""

from __future__ import annotations

from collections import Counter

import pandas as pd
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def layer_table(model: nn.Module, image_size: int) -> pd.DataFrame:
    """Return one row per layer that computes or holds parameters, in the order of first use.

    Names, types and shapes are torchinfo's. Multiply-adds are half of torch's FLOPs: those of convolutions, linear
    layers and attention.

    Args:
        model: network for images (N, 3, H, W).
        image_size: height and width of the image in pixels.

    Returns:
        columns `name`, `type`, `output_shape` (without the batch), `parameters` and `multiply_adds` (for one image);
        the last two sum to the totals of the model.
    """
    import torchinfo  # only here: training does not need it

    device = next(model.parameters()).device
    counter = FlopCounterMode(display=False)
    with counter:
        info = torchinfo.summary(
            model,
            input_size=(1, 3, image_size, image_size),
            verbose=0,
            mode="eval",
            device=device,
            cache_forward_pass=False,
        )
    paths = {id(module): path for path, module in model.named_modules()}
    called = {paths[id(layer.module)]: layer for layer in reversed(info.summary_list) if layer.executed}
    parameters, multiply_adds = _own_parameters(model, set(called)), _own_multiply_adds(model, set(called), counter)
    rows = [
        {
            "name": path or type(model).__name__,
            "type": layer.class_name,
            "output_shape": tuple(layer.output_size[1:]),
            "parameters": parameters[path],
            "multiply_adds": multiply_adds[path],
        }
        for path, layer in reversed(called.items())
        if (layer.is_leaf_layer and not isinstance(layer.module, nn.Identity))
        or parameters[path]
        or multiply_adds[path]
    ]
    return pd.DataFrame(rows)


def _own_parameters(model: nn.Module, called: set[str]) -> Counter[str]:
    """Return the parameters of each called module without those of called children.

    A child that is never called counts for its parent: timm's attention uses the weights of its linear layer itself.
    """
    counts: Counter[str] = Counter()
    for path, module in model.named_modules():
        counts[_called_from(path, called)] += sum(parameter.numel() for parameter in module.parameters(recurse=False))
    return counts


def _own_multiply_adds(model: nn.Module, called: set[str], counter: FlopCounterMode) -> Counter[str]:
    """Return the multiply-adds of each called module without those of its children."""
    root = type(model).__name__
    counts: Counter[str] = Counter()
    for name, operations in counter.get_flop_counts().items():
        if name != root and not name.startswith(f"{root}."):
            continue
        path, total = name.removeprefix(root).removeprefix("."), sum(operations.values()) // 2
        counts[path] += total
        if path:
            counts[_called_from(path.rpartition(".")[0], called)] -= total
    return counts


def _called_from(path: str, called: set[str]) -> str:
    """Return the path of the nearest called module at or above `path`."""
    while path not in called:
        path = path.rpartition(".")[0]
    return path
