"""The siamese networks: a branch for each image, and a head that compares what they say."""

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from mnistcmp.models.blocks import activation, dropout
from mnistcmp.models.branch import branch
from mnistcmp.models.outputs import Outputs
from mnistcmp.network import NetworkOptions


def head(options: NetworkOptions) -> nn.Sequential:
    """The comparison of two times ten outputs: (N, 20) to (N, 2)."""
    return nn.Sequential(
        OrderedDict(
            [
                ("linear1", nn.Linear(20, 25)),
                *dropout("dropout1", options.head_dropout[0]),
                *activation(1, nn.BatchNorm1d(25), options),
                ("linear2", nn.Linear(25, 10)),
                *dropout("dropout2", options.head_dropout[1]),
                *activation(2, nn.BatchNorm1d(10), options),
                ("linear3", nn.Linear(10, 2)),
            ]
        )
    )


class Siamese(nn.Module):
    """A branch of ten outputs per image, one shared by both images or one for each.

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
        return self.answer((first, second), self.head)

    def answer(self, logits: tuple[Tensor, Tensor], head: Callable[[Tensor], Tensor]) -> Outputs:
        """From what the branches say of each image, (N, 10), and the head that compares."""
        probabilities = logits[0].softmax(dim=1), logits[1].softmax(dim=1)
        read = probabilities if self.options.head_reads_softmax else logits
        comparison = head(torch.cat(read, dim=1))
        if self.options.head_ends_in_softmax:
            comparison = comparison.softmax(dim=1)
        digits = probabilities if self.options.branches_end_in_softmax else logits
        return Outputs(comparison, digits=digits)
