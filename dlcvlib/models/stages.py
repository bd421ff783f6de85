"""The few stages of a network that its drawing shows: consecutive blocks with one output size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from dlcvlib.models.features import classifier_of

GLOBAL_POOLS = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
NORMS = (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)
FEWEST_STAGES = 4


@dataclass(frozen=True)
class Stage:
    """Consecutive blocks with one output size: a box of the drawing.

    For a transformer `channels` is the dimension of a token, `height` the number of tokens and `width` 1; for a vector
    both are 1.
    """

    name: str
    kind: str  # what it is made of, "3 x Bottleneck"
    channels: int
    height: int
    width: int
    parameters: int

    def asdict(self) -> dict[str, Any]:
        """The fields as a dict."""
        return asdict(self)


@dataclass
class _Unit:
    """A block, or a layer outside of blocks, as met in the forward pass."""

    path: str
    module: nn.Module
    shape: tuple[int, ...]

    @property
    def is_block(self) -> bool:
        return any(True for _ in self.module.children())

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.module.parameters())

    @property
    def leads(self) -> bool:
        """Whether the unit can begin a stage: it has weights, and does more than normalise."""
        return self.parameters > 0 and not isinstance(self.module, NORMS)


@dataclass
class _Group:
    """The units of a stage while it is being put together."""

    units: list[_Unit] = field(default_factory=list)

    @property
    def leading(self) -> list[_Unit]:
        return [unit for unit in self.units if unit.leads] or self.units

    def takes(self, unit: _Unit) -> bool:
        """Whether `unit` goes on with this stage: it adds no size or kind of its own."""
        before = self.leading[-1]
        if not unit.leads or not before.leads:
            return True
        same_kind = not unit.is_block or type(unit.module) is type(before.module)
        return same_kind and unit.shape == before.shape

    def as_stage(self, name: str | None = None) -> Stage:
        channels, height, width = _as_box(self.units[-1].shape)
        parameters = sum(unit.parameters for unit in self.units)
        return Stage(name or self._name(), self._kind(), channels, height, width, parameters)

    def _name(self) -> str:
        first, last = self.leading[0].path, self.leading[-1].path
        parent, _, number = last.rpartition(".")
        if first == last:
            return first
        if parent and parent == first.rpartition(".")[0]:
            return f"{first}–{number}"
        return f"{first} … {last}"

    def _kind(self) -> str:
        blocks = [unit for unit in self.leading if unit.is_block] or self.leading
        counts = Counter(type(unit.module).__name__.lstrip("_") for unit in blocks)
        return ", ".join(f"{count} × {kind}" if count > 1 else kind for kind, count in counts.items())


def stages(model: nn.Module, image_size: int) -> list[Stage]:
    """The network as about four to twelve stages in the order of the forward pass; their parameters sum to the whole.

    Consecutive blocks of one kind and output size are one stage; normalisation, activation and pooling belong to the
    stage before. The last stage, the head, begins with global pooling or the first vector.

    Args:
        model: a classifier.
        image_size: height and width of the image it is measured with, in pixels.
    """
    units = _units(model, image_size)
    last = classifier_of(model)
    head = next(
        index
        for index, unit in enumerate(units)
        if isinstance(unit.module, GLOBAL_POOLS) or unit.module is last or len(unit.shape) == 1
    )
    groups: list[_Group] = []
    for unit in units[:head]:
        if not (groups and groups[-1].takes(unit)):
            groups.append(_Group())
        groups[-1].units.append(unit)
    if len(groups) + 1 < FEWEST_STAGES:
        groups = _split_longest(groups)
    result = [group.as_stage("stem" if index == 0 else None) for index, group in enumerate(groups)]
    result.append(_Group(units[head:]).as_stage("head"))
    loose = sum(p.numel() for p in model.parameters()) - sum(stage.parameters for stage in result)
    first = result[0]  # what belongs to no layer, such as a class token, is added to the input
    return [replace(first, parameters=first.parameters + loose), *result[1:]]


def _units(model: nn.Module, image_size: int) -> list[_Unit]:
    """Run one image through the model and note each unit's output at its first call."""
    units: list[_Unit] = []
    hooks = []
    for path, module in _flat(model):

        def note(module: nn.Module, inputs: Any, output: Tensor, path: str = path) -> None:
            if all(unit.module is not module for unit in units):
                units.append(_Unit(path, module, tuple(output.shape[1:])))

        hooks.append(module.register_forward_hook(note))
    in_training = [module for module in model.modules() if module.training]
    parameter = next(model.parameters())
    image = torch.zeros(1, 3, image_size, image_size, device=parameter.device, dtype=parameter.dtype)
    try:
        model.eval()
        with torch.no_grad():
            model(image)
    finally:
        for hook in hooks:
            hook.remove()
        for module in in_training:
            module.training = True
    return units


def _flat(model: nn.Module, above: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Children in order, plain containers replaced by what they hold."""
    for name, child in model.named_children():
        path = f"{above}.{name}" if above else name
        if type(child) in (nn.Sequential, nn.ModuleList):
            yield from _flat(child, path)
        else:
            yield path, child


def _split_longest(groups: list[_Group]) -> list[_Group]:
    """A transformer keeps one size throughout; its blocks are shown in three parts."""
    longest = max(groups, key=lambda group: len(group.leading))
    starts = [index for index, unit in enumerate(longest.units) if unit.leads]
    cuts = [0, *(starts[round(len(starts) * part / 3)] for part in (1, 2)), len(longest.units)]
    parts = [_Group(longest.units[start:end]) for start, end in pairwise(cuts) if end > start]
    return [part for group in groups for part in (parts if group is longest else [group])]


def _as_box(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Channels, height and width of an output without its batch."""
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    if len(shape) == 2:  # tokens, dimension
        return shape[1], shape[0], 1
    return shape[0], 1, 1
