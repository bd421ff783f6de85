"""Stages of a network for its drawing: consecutive blocks with the same output shape.

The connections between stages are inferred from the autograd graph.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from dlcvlib.models.features import classifier_of
from dlcvlib.models.pyramid import Pyramid
from dlcvlib.models.vgg import VGG16

CONTAINERS = (nn.Sequential, nn.ModuleList, Pyramid, VGG16)
GLOBAL_POOLS = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
NORMS = (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)
FEWEST_STAGES = 4


@dataclass(frozen=True)
class Stage:
    """Consecutive blocks with the same output shape: one box of the drawing.

    For a transformer `channels` is the embedding dimension, `height` the number of tokens and `width` 1; for a vector
    `height` and `width` are 1.
    """

    name: str
    kind: str  # such as "3 × Bottleneck"
    channels: int
    height: int
    width: int
    parameters: int
    reads: tuple[int, ...] = ()
    """Indices of the earlier stages whose output it reads; () for the first, which reads the image."""

    def asdict(self) -> dict[str, Any]:
        """Return the fields as a dict."""
        return asdict(self)


@dataclass
class _Unit:
    """A block, or a layer outside of blocks, in the order of the forward pass."""

    path: str
    module: nn.Module
    shape: tuple[int, ...]
    reads: set[int]  # indices of the units whose outputs it reads

    @property
    def is_block(self) -> bool:
        return any(True for _ in self.module.children())

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.module.parameters())

    @property
    def leads(self) -> bool:
        """True if the unit can begin a stage: it has weights and is not a normalisation."""
        return self.parameters > 0 and not isinstance(self.module, NORMS)


@dataclass
class _Group:
    """Units of a stage under construction."""

    units: list[_Unit] = field(default_factory=list)

    @property
    def leading(self) -> list[_Unit]:
        return [unit for unit in self.units if unit.leads] or self.units

    def takes(self, unit: _Unit) -> bool:
        """True if `unit` belongs to this stage: its output shape and kind are the same."""
        before = self.leading[-1]
        if not unit.leads or not before.leads:
            return True
        if isinstance(before.module, nn.ConvTranspose2d):  # upsamples for the following layers
            return unit.shape[1:] == before.shape[1:]
        same_kind = not unit.is_block or type(unit.module) is type(before.module)
        return same_kind and unit.shape == before.shape

    def as_stage(self, name: str | None, read_elsewhere: list[_Unit], reads: tuple[int, ...]) -> Stage:
        """Return the stage, with the shape of the largest output that another stage reads."""
        shown = max(read_elsewhere or self.units[-1:], key=lambda unit: unit.shape[1:])
        parameters = sum(unit.parameters for unit in self.units)
        return Stage(name or self._name(), self._kind(), *_as_box(shown.shape), parameters, reads)

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
    """Return about four to twelve stages in the order of the forward pass; their parameters sum to the total.

    Consecutive blocks of one kind and output shape form a stage. Normalisation, activation and pooling belong to the
    stage before, a transposed convolution to the stage after. The last stage, the head, begins with global pooling or
    the first vector; that of a segmenter is its last layer.

    Args:
        model: classifier or segmenter; it is not changed.
        image_size: height and width of the image in pixels.
    """
    model = copy.deepcopy(model).to("meta").eval()  # shapes only
    units = _units(model, image_size)
    head = _head(model, units)
    groups: list[_Group] = []
    for unit in units[:head]:
        if not (groups and groups[-1].takes(unit)):
            groups.append(_Group())
        groups[-1].units.append(unit)
    if len(groups) + 1 < FEWEST_STAGES:
        groups = _split_longest(groups)
    result = _as_stages([*groups, _Group(units[head:])], units)
    loose = sum(p.numel() for p in model.parameters()) - sum(stage.parameters for stage in result)
    first = result[0]  # parameters outside of layers, such as a class token, count for the stem
    return [replace(first, parameters=first.parameters + loose), *result[1:]]


def _units(model: nn.Module, image_size: int) -> list[_Unit]:
    """Run one image through the model and record the output shape and the inputs of each unit.

    A layer with weights is recorded once; a pooling module can be called several times.
    """
    units: list[_Unit] = []
    makers: dict[Any, int] = {}  # index of the unit by the graph node of its output

    def record(path: str, module: nn.Module, inputs: Any, output: Any) -> None:
        outputs = _tensors(output)
        if outputs and not any(unit.module is module and unit.parameters for unit in units):
            shape = tuple(outputs[0].shape[1:])
            units.append(_Unit(path.removeprefix("backbone."), module, shape, _nearest(_tensors(inputs), makers)))
            for tensor in outputs:
                makers.setdefault(tensor.grad_fn, len(units) - 1)

    for path, module in _flat(model):
        module.register_forward_hook(lambda *called, path=path: record(path, *called))
    image = torch.zeros(1, 3, image_size, image_size, device="meta", dtype=next(model.parameters()).dtype)
    with torch.enable_grad():
        model(image.requires_grad_())
    return units


def _tensors(value: Any) -> list[Tensor]:
    """Return the tensors in nested tuples and lists, which some timm networks use as arguments and results."""
    if isinstance(value, Tensor):
        return [value]
    return [tensor for each in value for tensor in _tensors(each)] if isinstance(value, list | tuple) else []


def _nearest(inputs: list[Tensor], makers: dict[Any, int]) -> set[int]:
    """Return the indices of the units from whose outputs the tensors were computed, with no other unit in between."""
    found, seen, waiting = set(), set(), [tensor.grad_fn for tensor in inputs]
    while waiting:
        node = waiting.pop()
        if node in makers:
            found.add(makers[node])
        elif node is not None and node not in seen:
            seen.add(node)
            waiting += [before for before, _ in node.next_functions]
    return found


def _head(model: nn.Module, units: list[_Unit]) -> int:
    """Return the index of the first unit of the head; the last unit without global pooling or classifier."""
    try:
        last = classifier_of(model)
    except ValueError:  # such as FCN, whose last layer upsamples
        last = units[-1].module
    return next(
        index
        for index, unit in enumerate(units)
        if isinstance(unit.module, GLOBAL_POOLS) or unit.module is last or len(unit.shape) == 1
    )


def _as_stages(groups: list[_Group], units: list[_Unit]) -> list[Stage]:
    """Convert groups to stages, with their names and connections."""
    group_of = {id(unit): number for number, group in enumerate(groups) for unit in group.units}
    links = [(index, group_of[id(unit)]) for unit in units for index in sorted(unit.reads)]
    links = [(index, reader) for index, reader in links if group_of[id(units[index])] != reader]
    names = ["stem", *[None] * (len(groups) - 2), "head"]
    result = []
    for number, (group, name) in enumerate(zip(groups, names, strict=True)):
        read_elsewhere = [units[index] for index, _ in links if group_of[id(units[index])] == number]
        reads = {group_of[id(units[index])] for index, reader in links if reader == number}
        result.append(group.as_stage(name, read_elsewhere, tuple(sorted(reads))))
    return result


def _flat(model: nn.Module, above: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield children in order, with containers replaced by their children."""
    for name, child in model.named_children():
        path = f"{above}.{name}" if above else name
        if type(child) in CONTAINERS:
            yield from _flat(child, path)
        else:
            yield path, child


def _split_longest(groups: list[_Group]) -> list[_Group]:
    """Split the longest group, the blocks of a transformer, into three parts."""
    longest = max(groups, key=lambda group: len(group.leading))
    starts = [index for index, unit in enumerate(longest.units) if unit.leads]
    cuts = [0, *(starts[round(len(starts) * part / 3)] for part in (1, 2)), len(longest.units)]
    parts = [_Group(longest.units[start:end]) for start, end in pairwise(cuts) if end > start]
    return [part for group in groups for part in (parts if group is longest else [group])]


def _as_box(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return channels, height and width of an output shape without the batch."""
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    if len(shape) == 2:  # tokens, dimension
        return shape[1], shape[0], 1
    return shape[0], 1, 1
