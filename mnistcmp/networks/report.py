"""The report's two networks: a baseline, and a siamese network of branches and a head."""

from collections import OrderedDict
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from mnistcmp.networks.options import NetworkOptions
from mnistcmp.networks.outputs import Outputs

NamedLayers = Iterator[tuple[str, nn.Module]]

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}


class Baseline(nn.Module):
    """One branch sees both images at once, as two channels, and answers the comparison."""

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        self.branch = branch(channels=2, outputs=2, options=options)
        self.options = options

    def forward(self, pairs: Tensor) -> Outputs:
        """Answers to pairs (N, 2, 14, 14)."""
        return self.combine(self.branch(pairs))

    def combine(self, comparison: Tensor) -> Outputs:
        """Answers from the branch's outputs, (N, 2)."""
        if self.options.head_ends_in_softmax:
            comparison = comparison.softmax(dim=1)
        return Outputs(comparison)


class Siamese(nn.Module):
    """A branch names each image's digit, and a head compares what the branches say.

    A shared branch is applied to the images one after the other, so that its batch norm sees, and
    its running statistics are updated by, each image's batch in turn.
    """

    def __init__(self, options: NetworkOptions, *, shared: bool) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            branch(channels=1, outputs=10, options=options) for _ in range(2 - shared)
        )
        self.head = head(options)
        self.options = options

    def forward(self, pairs: Tensor) -> Outputs:
        """Answers to pairs (N, 2, 14, 14)."""
        first: Tensor = self.branches[0](pairs[:, :1])
        second: Tensor = self.branches[-1](pairs[:, 1:])
        return self.combine((first, second), self.head)

    def combine(self, logits: tuple[Tensor, Tensor], head: Callable[[Tensor], Tensor]) -> Outputs:
        """Answers from the branches' outputs for each image, (N, 10), and the head."""
        probabilities = logits[0].softmax(dim=1), logits[1].softmax(dim=1)
        read = probabilities if self.options.head_reads_softmax else logits
        comparison = head(torch.cat(read, dim=1))
        if self.options.head_ends_in_softmax:
            comparison = comparison.softmax(dim=1)
        digits = probabilities if self.options.branches_end_in_softmax else logits
        return Outputs(comparison, digits=digits)


def siamese_shared(options: NetworkOptions) -> Siamese:
    """One branch for both images."""
    return Siamese(options, shared=True)


def siamese_separate(options: NetworkOptions) -> Siamese:
    """A branch for each image."""
    return Siamese(options, shared=False)


def branch(channels: int, outputs: int, options: NetworkOptions) -> nn.Sequential:
    """The convolutional network from (N, channels, 14, 14) to (N, outputs).

    Its layers are those of the report's reference code; the two leading convolutions have nothing
    between them.
    """
    layers = [
        ("conv1", nn.Conv2d(channels, 4, 2)),
        ("conv2", nn.Conv2d(4, 16, 2)),
        ("pool1", nn.MaxPool2d(2)),
        *activation(1, nn.BatchNorm2d(16), options),
        *dropout("conv_dropout1", options.conv_dropout),
        ("conv3", nn.Conv2d(16, 64, 3)),
        ("pool2", nn.MaxPool2d(2)),
        *activation(2, nn.BatchNorm2d(64), options),
        *dropout("conv_dropout2", options.conv_dropout),
        ("flatten", nn.Flatten()),
        ("linear1", nn.Linear(256, 170)),
        *dropout("dropout1", options.branch_dropout[0]),
        *activation(3, nn.BatchNorm1d(170), options),
        ("linear2", nn.Linear(170, 90)),
        *dropout("dropout2", options.branch_dropout[1]),
        *activation(4, nn.BatchNorm1d(90), options),
        ("linear3", nn.Linear(90, outputs)),
    ]
    return nn.Sequential(OrderedDict(layers))


def head(options: NetworkOptions) -> nn.Sequential:
    """The comparison of two times ten outputs: (N, 20) to (N, 2)."""
    layers = [
        ("linear1", nn.Linear(20, 25)),
        *dropout("dropout1", options.head_dropout[0]),
        *activation(1, nn.BatchNorm1d(25), options),
        ("linear2", nn.Linear(25, 10)),
        *dropout("dropout2", options.head_dropout[1]),
        *activation(2, nn.BatchNorm1d(10), options),
        ("linear3", nn.Linear(10, 2)),
    ]
    return nn.Sequential(OrderedDict(layers))


def activation(
    number: int, norm: nn.BatchNorm1d | nn.BatchNorm2d, options: NetworkOptions
) -> NamedLayers:
    """The activation of that number, with its batch norm before it, after it, or none."""
    if options.batch_norm == "before":
        yield f"norm{number}", norm
    yield f"{options.activation}{number}", ACTIVATIONS[options.activation]()
    if options.batch_norm == "after":
        yield f"norm{number}", norm


def dropout(name: str, rate: float) -> NamedLayers:
    """A dropout of that rate; none where it would drop nothing."""
    if rate:
        yield name, nn.Dropout(rate)
