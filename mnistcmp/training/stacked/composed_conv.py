"""The branch's two leading convolutions of 2 x 2, and the max-pooling that follows them.

With nothing between them, the two convolutions are one linear map of a 4 x 4 window to its four
outputs, of which the pooling takes the largest. The composed map is a product of the two kernels,
whose gradients autograd finds; windows are data, and need none. The bias of a channel is the same
for all four outputs, so it is added after pooling (`block`).

What the map gives before pooling is four times what stays. On a processor a row at a time is mapped
and pooled, which stays in the level-2 cache, and which of four was the largest is noted: 10 us a
model, where making the outputs again in the backward pass took 80.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from typing_extensions import override

from mnistcmp.training.stacked.compiled import Array, compiled, use_compiled
from mnistcmp.training.stacked.layer import StackedMap, stack

ZERO, ONE, TWO, THREE = (np.int32(number) for number in range(4))


class ComposedConvs(StackedMap):
    """Conv2d(c, k, 2), Conv2d(k, C, 2) and MaxPool2d(2), on the windows of 14 x 14 images."""

    _placing: Tensor

    def __init__(
        self, names: tuple[str, str], first: Sequence[nn.Conv2d], second: Sequence[nn.Conv2d]
    ) -> None:
        super().__init__(" and ".join(names))
        self._names = names
        self._between, self._inputs = first[0].weight.shape[:2]
        self._outputs = second[0].weight.shape[0]
        self.weight1 = stack(first, "weight", lambda w: w.flatten(1))
        self.bias1 = stack(first, "bias")
        # To (C x taps, k).
        self.weight2 = stack(second, "weight", lambda w: w.permute(0, 2, 3, 1).flatten(0, 2))
        self.bias2 = stack(second, "bias")
        self.register_buffer("_placing", _placing(), persistent=False)

    @override
    def map(self, x: Tensor) -> Tensor:
        """Windows (R, U, P, B, pixels) to (R, C, U, P, B)."""
        rows, *images, pixels = x.shape
        kernels, windows = self._kernels(), x.view(rows, -1, pixels)
        pooled: Tensor
        if use_compiled(kernels):
            pooled = _PooledProduct.apply(kernels, windows)  # type: ignore[no-untyped-call]
        else:
            pooled = max_of_four(torch.bmm(kernels, windows.transpose(1, 2)))
        return pooled.view(rows, self._outputs, *images)

    def _kernels(self) -> Tensor:
        """The composed map: (R, 4 x C, pixels)."""
        rows = len(self.weight1)
        first = self.weight1.view(rows, self._between, -1)
        products = torch.bmm(self.weight2, first)  # (R, C x taps, c x taps)
        products = products.view(rows, self._outputs, 4, self._inputs, 4).transpose(2, 3)
        placed = products.reshape(-1, 16) @ self._placing
        placed = placed.view(rows, self._outputs, self._inputs, 4, 16).permute(0, 3, 1, 2, 4)
        return placed.reshape(rows, 4 * self._outputs, -1)

    @override
    def channel_bias(self) -> Tensor:
        taps = self.weight2.view(len(self.weight2), self._outputs, 4, self._between).sum(2)
        return torch.baddbmm(self.bias2[..., None], taps, self.bias1[..., None]).squeeze(-1)

    @override
    def plain(self, row: int) -> dict[str, Tensor]:
        first, second = self._names
        weight2 = self.weight2[row].view(self._outputs, 2, 2, self._between)
        return {
            f"{first}.weight": self.weight1[row].view(self._between, self._inputs, 2, 2),
            f"{first}.bias": self.bias1[row],
            f"{second}.weight": weight2.permute(0, 3, 1, 2),
            f"{second}.bias": self.bias2[row],
        }


def _placing() -> Tensor:
    """(16, 64): where each tap of the composed kernel falls, for each of the four outputs.

    Rows are (tap of the second convolution, tap of the first), columns (output, pixel).
    """
    placing = torch.zeros(2, 2, 2, 2, 2, 2, 4, 4)
    for place in torch.cartesian_prod(*[torch.arange(2)] * 6).tolist():
        row2, column2, row1, column1, row, column = place
        placing[*place, row + row2 + row1, column + column2 + column1] = 1
    return placing.view(16, 64)


class _PooledProduct(Function):
    """`max_of_four` of the products of kernels (R, 4 x C, K) with windows (R, M, K): (R, C x M)."""

    @staticmethod
    def forward(ctx: Any, kernels: Tensor, windows: Tensor) -> Tensor:  # noqa: ANN401 - torch's
        rows, outputs_per_window, _ = kernels.shape
        result = windows.new_empty(rows, outputs_per_window // 4 * windows.shape[1])
        which = torch.empty_like(result, dtype=torch.int32)
        # One row's outputs are all that is ever in memory.
        outputs = windows.new_empty(outputs_per_window, windows.shape[1])
        four = outputs.view(4, -1).numpy()
        parts = zip(kernels, windows, result.numpy(), which.numpy(), strict=True)
        for kernel, window, largest, number in parts:
            torch.mm(kernel, window.T, out=outputs)
            _max(four, largest, number)
        ctx.save_for_backward(windows, which)
        ctx.shape = kernels.shape
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        windows, which = ctx.saved_tensors
        grad_kernels = windows.new_empty(ctx.shape)
        grad_outputs = windows.new_empty(ctx.shape[1], windows.shape[1])
        four = grad_outputs.view(4, -1).numpy()
        parts = zip(grad_kernels, windows, gradient.numpy(), which.numpy(), strict=True)
        for grad_kernel, window, given, number in parts:
            _grad_max(given, number, four)
            torch.mm(grad_outputs, window, out=grad_kernel)
        return grad_kernels, None


def max_of_four(values: Tensor) -> Tensor:
    """(R, 4 x a, b) to (R, a x b)."""
    return values.view(len(values), 4, -1).max(1).values


@compiled
def _max(values: Array, largest: Array, which: Array) -> None:
    """The largest of four rows (4, X) at each place, and which it is: the first of equal ones."""
    first, second, third, fourth = values[0], values[1], values[2], values[3]
    for i in range(len(largest)):
        upper = second[i] if second[i] > first[i] else first[i]
        lower = fourth[i] if fourth[i] > third[i] else third[i]
        of_upper = ONE if second[i] > first[i] else ZERO
        of_lower = THREE if fourth[i] > third[i] else TWO
        largest[i] = lower if lower > upper else upper
        which[i] = of_lower if lower > upper else of_upper


@compiled
def _grad_max(gradient: Array, which: Array, grad_values: Array) -> None:
    """Hands a gradient (X,) to the rows (4, X) that were the largest."""
    zero = gradient.dtype.type(0)
    for row in range(4):
        own, number = grad_values[row], np.int32(row)
        for i in range(len(gradient)):
            own[i] = gradient[i] if which[i] == number else zero
