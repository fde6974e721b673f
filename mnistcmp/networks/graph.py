"""A network as the graph of what it does to a pair, read from its own code."""

import operator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp, TensorMetadata

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
    was_training = network.training
    try:
        traced = fx.symbolic_trace(network.eval())
        # What the code computes and no output takes is no part of the network.
        traced.graph.eliminate_dead_code()
        with torch.inference_mode():
            ShapeProp(traced).propagate(torch.zeros(1, 2, 14, 14))
    except Exception as error:
        raise UntraceableError(str(error)) from error
    finally:
        network.train(was_training)
    answer: Any = traced.graph.output_node().args[0]
    # torch.fx keeps a named tuple as a call of its class.
    named = isinstance(answer, fx.Node) and answer.target is Outputs
    outputs = Outputs(*answer.args) if named else as_outputs(answer)
    steps: list[Step] = []
    reads: dict[str, tuple[str, ...]] = {}
    first_use: dict[str, str] = {}
    for node in traced.graph.nodes:
        inputs = tuple(dict.fromkeys(key for n in node.all_input_nodes for key in reads[n.name]))
        shape = _shape(node)
        reads[node.name] = inputs if shape is None else (node.name,)
        if shape is None or node.op == "output":
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
                inputs=inputs,
                output_shape=shape[1:],
                parameters=0 if used else _parameters(traced, node),
                same_weights_as=used,
            )
        )
    (comparison,) = reads[cast("fx.Node", outputs.comparison).name]
    digits = tuple(key for n in outputs.digits or () for key in reads[cast("fx.Node", n).name])
    return Graph(
        steps=tuple(steps),
        comparison=comparison,
        digits=(digits[0], digits[1]) if digits else None,
    )


def _parameters(traced: fx.GraphModule, node: fx.Node) -> int:
    """Of a layer, or of a parameter that the network's code uses by itself."""
    if node.op == "call_module":
        return parameter_count(traced.get_submodule(str(node.target)))
    if node.op == "get_attr":
        found = operator.attrgetter(str(node.target))(traced)
        return found.numel() if isinstance(found, nn.Parameter) and found.requires_grad else 0
    return 0


def _shape(node: fx.Node) -> tuple[int, ...] | None:
    """Of the tensor that a node gives, of a layer its first one; None where there is none."""
    found: Any = node.meta.get("tensor_meta")
    while not isinstance(found, TensorMetadata):
        if node.op != "call_module" or not isinstance(found, tuple | list) or not found:
            return None
        found = found[0]
    return tuple(found.shape)


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
    if node.op == "get_attr":
        return str(node.target)
    if _image_of(node) is not None:
        return "channel"
    return getattr(node.target, "__name__", str(node.target))


def _image_of(node: fx.Node) -> str | None:
    """The one image that a node takes out of the pair, as `pairs[:, :1]` does; None of others."""
    match node.target, node.args:
        case operator.getitem, (fx.Node(op="placeholder"), (_, int() | slice() as channel, *_)):
            images = ("first", "second")[channel]
            if isinstance(images, str):
                return images
            return images[0] if len(images) == 1 else None
    return None


def _detail(node: fx.Node) -> str:
    if node.op == "placeholder":
        return "a pair of images"
    if (image := _image_of(node)) is not None:
        return f"the {image} image"
    return ", ".join(f"{name} {value}" for name, value in node.kwargs.items())
