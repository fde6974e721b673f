"""The siamese networks: a branch for each image, and a head that compares what they say."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from mnistcmp.models.branch import branch
from mnistcmp.models.outputs import Outputs
from mnistcmp.softmax import SoftmaxPlacement


def head() -> nn.Sequential:
    """The comparison of two times ten outputs: (N, 20) to (N, 2)."""
    return nn.Sequential(
        OrderedDict(
            linear1=nn.Linear(20, 25),
            dropout1=nn.Dropout(0.25),
            relu1=nn.ReLU(),
            norm1=nn.BatchNorm1d(25),
            linear2=nn.Linear(25, 10),
            dropout2=nn.Dropout(0.20),
            relu2=nn.ReLU(),
            norm2=nn.BatchNorm1d(10),
            linear3=nn.Linear(10, 2),
        )
    )


class Siamese(nn.Module):
    """A branch of ten outputs per image, one shared by both images or one for each.

    A shared branch is applied to the images one after the other, so that its batch norm sees, and
    its running statistics are updated by, each image's batch in turn.
    """

    def __init__(self, softmax: SoftmaxPlacement, *, shared: bool) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branch(channels=1, outputs=10) for _ in range(2 - shared))
        self.head = head()
        self.softmax = softmax

    def forward(self, pairs: Tensor) -> Outputs:
        """Answers to pairs (N, 2, 14, 14)."""
        first: Tensor = self.branches[0](pairs[:, :1])
        second: Tensor = self.branches[-1](pairs[:, 1:])
        probabilities = first.softmax(dim=1), second.softmax(dim=1)
        if self.softmax == "everywhere":
            comparison = self.head(torch.cat(probabilities, dim=1)).softmax(dim=1)
            return Outputs(comparison, digits=probabilities)
        read = (first, second) if self.softmax == "nowhere" else probabilities
        return Outputs(self.head(torch.cat(read, dim=1)), digits=(first, second))
