"""Linear layers: one product of matrices for each row.

The products are NumPy's on a processor: OpenBLAS is some percent faster than torch's library on
matrices as small as these, but for the gradient of the weight. That one goes straight to its place
in the vector that Adam reads: a copy for each large weight took more than one percent of a step.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from typing_extensions import override

from mnistcmp.training.stacked.compiled import use_compiled
from mnistcmp.training.stacked.layer import StackedMap, place_of_gradient, stack


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
