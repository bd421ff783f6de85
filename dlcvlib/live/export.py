"""Layers of a network in the order of its forward pass, from the graph that torch.export records."""

from __future__ import annotations

import itertools
import operator
import warnings
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from dlcvlib.live.layer import Layer, Map
from dlcvlib.live.steps import Step, UnknownUseError
from dlcvlib.live.translation import TRANSLATIONS


def exported_layers(network: nn.Module, example: Tensor) -> tuple[list[Layer], int]:
    """Return the layers, the first of which stands for the image, and the index of the one that is the output.

    Args:
        network: in evaluation mode; maps `example` to one tensor.
        example: (1, C, H, W) float32; only its shape counts.

    Raises:
        ValueError: the page cannot run one of the layers (the message names it), the network returns more than one
            tensor, or does not take `example`.
    """
    program = _exported(network, example)
    leaves = {name for name, module in network.named_modules() if not any(True for _ in module.children())}
    translator = _Translator(_constants(program), leaves)
    for node in program.graph.nodes:
        translator.add(node)
    return translator.layers, translator.output


def _exported(network: nn.Module, example: Tensor) -> ExportedProgram:
    """Return the graph of PyTorch's operations for this input shape; none of them changes a tensor in place."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about its own internals
        try:
            return torch.export.export(network, (example,)).run_decompositions({})
        except RuntimeError as error:
            reason = str(error).strip().partition("\n")[0]
            raise ValueError(
                f"torch.export cannot follow {type(network).__name__} for an image of {tuple(example.shape)}: {reason}"
            ) from error


def _constants(program: ExportedProgram) -> dict[str, Tensor]:
    """Return parameters, buffers and constants by the names of their nodes."""
    signature = program.graph_signature
    names = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    held = {**program.constants, **program.state_dict}
    return {node: held[name].detach() for node, name in names.items()}


class _Translator:
    """Layers of the nodes seen so far.

    Attributes:
        layers: in the order of the forward pass.
        output: index of the layer whose output is the network's.
        values: value of each node by its name: a tensor of the network, a map, or the results of a node with several.
        leaves: names of the modules without children, which give their layers their names.
    """

    def __init__(self, constants: dict[str, Tensor], leaves: set[str]) -> None:
        self.layers: list[Layer] = []
        self.output = -1
        self.values: dict[str, Any] = dict(constants)
        self.leaves = leaves

    def add(self, node: fx.Node) -> None:
        """Translate a node; its inputs must have been added before."""
        if node.op == "placeholder" and node.name not in self.values:
            self.values[node.name] = self._append(Layer("input", "input", (), _shape(node.meta["val"])))
        elif node.op == "call_function":
            self.values[node.name] = self._result(node)
        elif node.op == "output":
            results = self._resolved(node.args[0])
            if len(results) != 1 or not isinstance(results[0], Map):
                raise ValueError(f"the network returns {len(results)} values; a network in the page returns one tensor")
            self.output = results[0].layer

    def _result(self, node: fx.Node) -> Any:
        """Return the value of a function's node: a map, a list of a map and unused results, or a constant."""
        arguments, options, value = self._resolved(node.args), self._resolved(node.kwargs), node.meta["val"]
        if node.target is operator.getitem:
            return arguments[0][arguments[1]]
        if not any(isinstance(self.values[read.name], Map) for read in node.all_input_nodes):
            assert callable(node.target)
            return node.target(*arguments, **options)  # the same for every image
        operation = getattr(node.target, "__name__", str(node.target))  # such as "conv2d.default"
        module, class_name = _module_of(node)
        try:
            if operation not in TRANSLATIONS:
                raise UnknownUseError("it has no code for it")
            results = TRANSLATIONS[operation](*arguments, **options)
        except UnknownUseError as error:
            raise ValueError(
                f"the layer {module!r} ({class_name}) cannot run in the page: it calls {operation.partition('.')[0]}, "
                f"which the engine refuses ({error}). Take a network of convolutions, pooling and batch normalisation"
            ) from error
        if isinstance(results, tuple):
            return [self._placed(results[0], module, _shape(value[0])), *results[1:]]
        return self._placed(results, module, _shape(value))

    def _resolved(self, arguments: Any) -> Any:
        """Return arguments of a node with the values of the nodes among them."""
        return fx.node.map_arg(arguments, lambda node: self.values[node.name])

    def _placed(self, step: Step | Map, module: str, shape: tuple[int, ...]) -> Map:
        """Return the output of a step, which becomes a layer; a map stays as it is."""
        if isinstance(step, Map):
            return step
        name = self._unique(module if module in self.leaves else f"{module}.{step.kind}".lstrip("."))
        inputs = tuple(each.layer for each in step.inputs)
        return self._append(Layer(name, step.kind, inputs, shape, step.options, step.weights))

    def _unique(self, name: str) -> str:
        """Return a layer's name, with a number if it is taken: one module may be called at several places."""
        taken = {layer.name for layer in self.layers}
        numbered = (f"{name}_{number}" for number in itertools.count(2))
        return name if name not in taken else next(each for each in numbered if each not in taken)

    def _append(self, layer: Layer) -> Map:
        self.layers.append(layer)
        return Map(len(self.layers) - 1, layer.shape)


def _shape(value: Tensor) -> tuple[int, ...]:
    """Return the shape without the batch dimension."""
    return tuple(int(size) for size in value.shape[1:])


def _module_of(node: fx.Node) -> tuple[str, str]:
    """Return dotted name and class name of the innermost module whose forward pass calls the node's operation."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    name, kind = stack[-1] if stack else ("", "")
    return name.partition("@")[0], str(kind).rpartition(".")[2]
