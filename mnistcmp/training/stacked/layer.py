"""What layers for R rows at once are, a row being one branch or one head of one run.

Activations are (R, C, U, P, B): C channels, U uses of the layer in a step (both images of a shared
branch), P positions of the image, B pairs of the batch. With the batch innermost every operation
runs through memory in order, a convolution or linear layer of all rows is one batched product
without a copy, and a channel's values of one use lie together, as batch norm wants them.

Each layer is made of the rows' plain layers, keeps their parameters in the layout that its products
want, and gives them back.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from typing_extensions import override

BY_POSITION = 0, 3, 1, 2, 4
"""Memory for (R, C, U, P, B), a row's positions outermost: what the next convolution reads."""
BY_CHANNEL = 0, 1, 3, 2, 4
"""The same with a channel's positions before its uses: what the next linear layer reads."""

Arrange = Callable[[Tensor], Tensor]


class StackedLayer(nn.Module, ABC):
    """A layer of every row."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Activations in, activations out."""

    def plain(self, row: int) -> dict[str, Tensor]:  # noqa: ARG002 - of layers that have some
        """A row's parameters and running statistics, by the names in its plain network."""
        return {}


class StackedMap(StackedLayer):
    """A linear map of every row, with a bias for each channel."""

    @abstractmethod
    def map(self, x: Tensor) -> Tensor:
        """The map without its bias."""

    @abstractmethod
    def channel_bias(self) -> Tensor:
        """(R, C)."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        return self.map(x) + per_channel(self.channel_bias())


class StackedActivation(StackedLayer):
    """A function of each value."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    @override
    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def stack(plain: Sequence[Tensor], arrange: Arrange = torch.clone) -> nn.Parameter:
    """The rows' parameters as one, each arranged as the stacked layer wants it."""
    return nn.Parameter(torch.stack([arrange(parameter) for parameter in plain]))


def biases(layers: Sequence[nn.Conv2d]) -> list[Tensor]:
    """The layers' biases, which torch's types take for optional."""
    return [layer.bias for layer in layers if layer.bias is not None]


def per_channel(values: Tensor) -> Tensor:
    """(R, C), to be used with activations."""
    return values[:, :, None, None, None]


def place_of_gradient(weight: Tensor) -> Tensor:
    """In the vector of all gradients, if the parameter has one: so none has to be copied there."""
    return torch.empty_like(weight) if weight.grad is None else weight.grad
