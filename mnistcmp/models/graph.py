"""A network as the graph of what it does to a pair, read from its own code."""

import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from mnistcmp.models.layers import parameter_count
from mnistcmp.models.outputs import Outputs


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One operation on tensors: a layer, a softmax, a choice of channels, a concatenation."""

    key: str
    """Unique in its graph."""
    name: str
    """The layer's name in the network; the operation's where it is no layer."""
    operation: str
    """What it does, with its sizes."""
    inputs: tuple[str, ...]
    """Keys of the steps that it reads."""
    output_shape: tuple[int, ...]
    """Without the leading batch dimension."""
    parameters: int
    """Of its own; 0 where an earlier step has them already."""
    same_weights_as: str | None = None
    """Key of the earlier step with this step's layer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """All steps of one pass over a pair, in the order of the code, the input first."""

    steps: tuple[Step, ...]
    comparison: str
    """Key of the step whose output the comparison's loss takes."""
    digits: tuple[str, str] | None
    """Keys of those that an auxiliary loss would take; None where there is no branch per image."""


def trace(network: nn.Module) -> Graph:
    """Reads a network's graph with torch.fx: its code runs once, on a blank pair.

    Raises:
        torch.fx.proxy.TraceError: The network's code depends on the values of its input.
    """
    was_training = network.training
    traced = fx.symbolic_trace(network.eval())
    # What the code computes and no output takes is no part of the network.
    traced.graph.eliminate_dead_code()
    with torch.inference_mode():
        ShapeProp(traced).propagate(torch.zeros(1, 2, 14, 14))
    network.train(was_training)
    steps: list[Step] = []
    first_use: dict[str, str] = {}
    # torch.fx keeps a named tuple as a call of its class.
    answer: Any = traced.graph.output_node().args[0]
    outputs = Outputs(*answer.args)
    for node in traced.graph.nodes:
        if node.op == "output" or node is answer:
            continue
        layer = traced.get_submodule(node.target) if node.op == "call_module" else None
        used = None if layer is None else first_use.get(node.target)
        if layer is not None:
            first_use.setdefault(node.target, node.name)
        steps.append(
            Step(
                key=node.name,
                name=node.target if layer is not None else _verb(node),
                operation=_describe(layer) if layer is not None else _detail(node),
                inputs=tuple(before.name for before in node.all_input_nodes),
                output_shape=tuple(node.meta["tensor_meta"].shape[1:]),
                parameters=0 if layer is None or used else parameter_count(layer),
                same_weights_as=used,
            )
        )
    digits: Any = outputs.digits
    comparison: Any = outputs.comparison
    return Graph(
        steps=tuple(steps),
        comparison=comparison.name,
        digits=None if digits is None else (digits[0].name, digits[1].name),
    )


def _describe(layer: nn.Module) -> str:
    """A layer's type and sizes, shorter than its repr where that is known to lose nothing."""
    kind = type(layer).__name__
    match layer:
        case nn.Conv2d():
            height, width = layer.kernel_size
            return f"{kind} {layer.in_channels} → {layer.out_channels}, {height} × {width}"
        case nn.Linear():
            return f"{kind} {layer.in_features} → {layer.out_features}"
        case nn.MaxPool2d() | nn.Dropout():
            size = layer.p if isinstance(layer, nn.Dropout) else layer.kernel_size
            return f"{kind} {size}"
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            return f"{kind} {layer.num_features}"
        case nn.ReLU() | nn.Flatten():
            return kind
    return repr(layer)


def _verb(node: fx.Node) -> str:
    if node.op == "placeholder":
        return "input"
    if node.target is operator.getitem:
        return "channel"
    return getattr(node.target, "__name__", str(node.target))


def _detail(node: fx.Node) -> str:
    if node.op == "placeholder":
        return "a pair of images"
    if node.target is operator.getitem:
        index: Any = node.args[1]
        images = ("first", "second")[index[1]]
        return f"the {images[0] if len(images) == 1 else images} image"
    return ", ".join(f"{name} {value}" for name, value in node.kwargs.items())
