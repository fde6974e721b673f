"""What layers for R rows at once are, a row being one branch or head of a run; and the linear one.

Activations are (R, C, U, P, B): C channels, U uses of the layer in a step (both images of a shared
branch), P positions of the image, B pairs of the batch. With the batch innermost every operation
runs through memory in order, a convolution or linear layer of all rows is one batched product
without a copy, and a channel's values of one use lie together, as batch norm wants them.

Products are NumPy's on a processor: OpenBLAS is some percent faster than torch's library on
matrices as small as these, but for a weight's gradient. That goes straight to its place in the
vector that Adam reads: a copy for each large weight took more than one percent of a step.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from typing_extensions import override

from mnistcmp.training.stacked.compiled import use_compiled

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


class StackedLinear(StackedMap):
    """Linear, of all channels and positions."""

    def __init__(self, name: str, layers: Sequence[nn.Linear]) -> None:
        super().__init__(name)
        self.weight = stack(layers, "weight")
        self.bias = stack(layers, "bias")

    @override
    def map(self, x: Tensor) -> Tensor:
        """(R, C, U, P, B) to (R, F, U, 1, B)."""
        rows, _, uses, _, batch = x.shape
        flat = x.transpose(2, 3).reshape(rows, -1, uses * batch)
        product = _Product.apply if use_compiled(flat) else torch.bmm
        y: Tensor = product(self.weight, flat)
        return y.view(rows, -1, uses, 1, batch)


class _Product(Function):
    """`torch.bmm` of (R, F, K) and (R, K, B)."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, x: Tensor) -> Tensor:  # noqa: ANN401 - torch's
        ctx.save_for_backward(weight, x)
        ctx.place = place_of_gradient(weight)
        y = x.new_empty(len(x), weight.shape[1], x.shape[2])
        np.matmul(weight.detach().numpy(), x.detach().numpy(), out=y.numpy())
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        weight, x = ctx.saved_tensors
        grad_weight = torch.bmm(gradient, x.mT, out=ctx.place)
        grad_x = torch.empty_like(x)
        np.matmul(weight.detach().mT.numpy(), gradient.numpy(), out=grad_x.numpy())
        return grad_weight, grad_x
