"""Layers that a recipe may place, change or leave out, with their names in a network."""

from collections.abc import Iterator

from torch import nn

from mnistcmp.network import NetworkOptions

NamedLayers = Iterator[tuple[str, nn.Module]]

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}


def activation(
    number: int, norm: nn.BatchNorm1d | nn.BatchNorm2d, options: NetworkOptions
) -> NamedLayers:
    """The network's activation of that number, with its batch norm before it, after it, or none."""
    if options.batch_norm == "before":
        yield f"norm{number}", norm
    yield f"{options.activation}{number}", ACTIVATIONS[options.activation]()
    if options.batch_norm == "after":
        yield f"norm{number}", norm


def dropout(name: str, rate: float) -> NamedLayers:
    """A dropout of that rate; none where it would drop nothing."""
    if rate:
        yield name, nn.Dropout(rate)
