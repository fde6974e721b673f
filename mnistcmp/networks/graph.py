"""A network as the graph of what it does to a pair, read from its own code."""

import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp, TensorMetadata

from mnistcmp.networks.custom import ANY_ERROR, staying
from mnistcmp.networks.layers import parameter_count
from mnistcmp.networks.outputs import Outputs, as_outputs


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


class UntraceableError(Exception):
    """torch.fx cannot follow a network's code, as where it depends on the values of its input."""


def trace(network: nn.Module) -> Graph:
    """Reads a network's graph with torch.fx: its code runs once, on a blank pair.

    What is no tensor, as a size or several tensors in a tuple, is no step; those that read it read
    what it was made of.

    Raises:
        UntraceableError: torch.fx cannot follow the network's code.
    """
    traced = _follow(network)
    steps: list[Step] = []
    reads: dict[fx.Node, tuple[str, ...]] = {}
    first_use: dict[str, str] = {}
    for node in traced.graph.nodes:
        inputs = tuple(dict.fromkeys(key for n in node.all_input_nodes for key in reads[n]))
        shape = _shape(node)
        reads[node] = inputs if shape is None else (node.name,)
        if shape is None or node.op == "output":
            continue
        name, operation, parameters = _describe(traced, node)
        first = first_use.setdefault(name, node.name) if node.op == "call_module" else node.name
        repeated = first != node.name
        steps.append(
            Step(
                key=node.name,
                name=name,
                operation=operation,
                inputs=inputs,
                output_shape=shape[1:],
                parameters=0 if repeated else parameters,
                same_weights_as=first if repeated else None,
            )
        )
    answer: Any = traced.graph.output_node().args[0]
    # torch.fx keeps a named tuple as a call of its class.
    named = isinstance(answer, fx.Node) and answer.target is Outputs
    outputs: Any = Outputs(*answer.args) if named else as_outputs(answer)
    ends = [key for end in (outputs.comparison, *(outputs.digits or ())) for key in reads[end]]
    digits = (ends[1], ends[2]) if outputs.digits else None
    return Graph(steps=tuple(steps), comparison=ends[0], digits=digits)


def _follow(network: nn.Module) -> fx.GraphModule:
    """The network as torch.fx reads it, with the shapes of what it gives for a blank pair."""
    was_training = network.training
    try:
        with staying(), torch.inference_mode():
            traced = fx.symbolic_trace(network.eval())
            # What the code computes and no output takes is no part of the network.
            traced.graph.eliminate_dead_code()
            ShapeProp(traced).propagate(torch.zeros(1, 2, 14, 14))
    except ANY_ERROR as error:
        raise UntraceableError(str(error)) from error
    finally:
        network.train(was_training)
    return traced


def _shape(node: fx.Node) -> tuple[int, ...] | None:
    """Of the tensor that a node gives, of a layer its first one; None where there is none."""
    found: Any = node.meta.get("tensor_meta")
    while not isinstance(found, TensorMetadata):
        if node.op != "call_module" or not isinstance(found, tuple | list) or not found:
            return None
        found = found[0]
    return tuple(found.shape)


def _describe(traced: fx.GraphModule, node: fx.Node) -> tuple[str, str, int]:
    """What a node is called, what it does, and how many parameters it has."""
    target: Any = node.target
    match node.op:
        case "placeholder":
            return "input", "a pair of images", 0
        case "call_module":
            layer = traced.get_submodule(target)
            return target, _with_sizes(layer), parameter_count(layer)
        case "get_attr":
            found = operator.attrgetter(target)(traced)
            trainable = isinstance(found, nn.Parameter) and found.requires_grad
            return target, "", found.numel() if trainable else 0
    if (image := _image_of(node)) is not None:
        return "channel", f"the {image} image", 0
    details = ", ".join(f"{name} {value}" for name, value in node.kwargs.items())
    return getattr(target, "__name__", str(target)), details, 0


def _with_sizes(layer: nn.Module) -> str:
    """A layer's type and sizes, shorter than its repr where that is known to lose nothing."""
    match layer:
        case nn.Conv2d():
            height, width = layer.kernel_size
            sizes = f" {layer.in_channels} → {layer.out_channels}, {height} × {width}"
        case nn.Linear():
            sizes = f" {layer.in_features} → {layer.out_features}"
        case nn.MaxPool2d() | nn.Dropout():
            sizes = f" {layer.p if isinstance(layer, nn.Dropout) else layer.kernel_size}"
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            sizes = f" {layer.num_features}"
        case nn.ReLU() | nn.Flatten():
            sizes = ""
        case _:
            return repr(layer)
    return type(layer).__name__ + sizes


def _image_of(node: fx.Node) -> str | None:
    """The one image that a node takes out of the pair, as `pairs[:, :1]` does; None of others."""
    match node.target, node.args:
        case operator.getitem, (fx.Node(op="placeholder"), (_, int() | slice() as channel, *_)):
            images = ("first", "second")[channel]
            if isinstance(images, str):
                return images
            return images[0] if len(images) == 1 else None
    return None
