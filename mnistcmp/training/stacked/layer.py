"""What layers for R rows at once are, a row being one branch or one head of one run.

Activations are (R, C, U, P, B): C channels, U uses of the layer in a step (both images of a shared
branch), P positions of the image, B pairs of the batch. With the batch innermost every operation
runs through memory in order, a convolution or linear layer of all rows is one batched product
without a copy, and a channel's values of one use lie together, as batch norm wants them.
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


class StackedLayer(nn.Module, ABC):
    """A layer of every row; it has its plain layers' parameters as its products want them."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Activations in, activations out."""

    def plain(self, row: int) -> dict[str, Tensor]:
        """A row's parameters and running statistics, by the names in its plain network."""
        return {f"{self.name}.{key}": value[row] for key, value in self.state_dict().items()}


class StackedMap(StackedLayer):
    """A linear map of every row, with a bias for each channel."""

    bias: Tensor

    @abstractmethod
    def map(self, x: Tensor) -> Tensor:
        """The map without its bias."""

    def channel_bias(self) -> Tensor:
        """(R, C)."""
        return self.bias

    @override
    def forward(self, x: Tensor) -> Tensor:
        return self.map(x) + per_channel(self.channel_bias())


def stack(
    layers: Sequence[nn.Module], name: str, arrange: Callable[[Tensor], Tensor] = torch.clone
) -> nn.Parameter:
    """The rows' parameters of that name as one, each arranged as the stacked layer wants it."""
    return nn.Parameter(torch.stack([arrange(layer.get_parameter(name)) for layer in layers]))


def per_channel(values: Tensor) -> Tensor:
    """(R, C), to be used with activations."""
    return values[:, :, None, None, None]


def place_of_gradient(weight: Tensor) -> Tensor:
    """In the vector of all gradients, if the parameter has one: so none has to be copied there."""
    return torch.empty_like(weight) if weight.grad is None else weight.grad
