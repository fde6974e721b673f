"""Products of matrices on a processor: of linear layers, and of convolutions with max-pooling.

NumPy's, of which OpenBLAS makes up to a third more in a second than torch's library where they are
as small as these.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from mnistcmp.training.stacked.loops import pooling, winograd
from mnistcmp.training.stacked.loops.compiled import Array

TILE = 36
BY_COLUMN = 0, 2, 1
"""Each of several matrices, transposed."""


class Product(Function):
    """`functions.product`."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, x: Tensor) -> Tensor:  # noqa: ANN401 - torch's
        """(R, F, K) and (R, K, B) to (R, F, B)."""
        ctx.save_for_backward(weight, x)
        ctx.place = _place_of_gradient(weight)
        result = x.new_empty(len(x), weight.shape[1], x.shape[2])
        np.matmul(weight.detach().numpy(), x.detach().numpy(), out=result.numpy())
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        """The gradients of the weight and of x."""
        weight, x = ctx.saved_tensors
        # Of this one, torch's library makes more.
        of_weight = torch.bmm(gradient, x.mT, out=ctx.place)
        of_x = torch.empty_like(x)
        np.matmul(weight.detach().mT.numpy(), gradient.numpy(), out=of_x.numpy())
        return of_weight, of_x


class PoolWindowsByRow(Function):
    """`functions.pool_windows`."""

    @staticmethod
    def forward(ctx: Any, kernels: Tensor, windows: Tensor) -> Tensor:  # noqa: ANN401 - torch's
        """(R, 4 x C, K) and (R, M, K) to (R, C x M)."""
        rows, answers_per_window, _ = kernels.shape
        result = windows.new_empty(rows, answers_per_window // 4 * windows.shape[1])
        which = torch.empty_like(result, dtype=torch.int32)
        # One row's answers are all that is ever in memory.
        answers = windows.new_empty(answers_per_window, windows.shape[1])
        four = answers.view(4, -1).numpy()
        parts = zip(kernels, windows, result.numpy(), which.numpy(), strict=True)
        for kernel, window, largest, number in parts:
            torch.mm(kernel, window.T, out=answers)
            pooling.largest_of_four(four, largest, number)
        ctx.save_for_backward(windows, which)
        ctx.shape = kernels.shape
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        """The gradient of the kernels."""
        windows, which = ctx.saved_tensors
        of_kernels = windows.new_empty(ctx.shape)
        of_answers = windows.new_empty(ctx.shape[1], windows.shape[1])
        four = of_answers.view(4, -1).numpy()
        parts = zip(of_kernels, windows, gradient.numpy(), which.numpy(), strict=True)
        for of_kernel, window, given, number in parts:
            pooling.to_largest(given, number, four)
            torch.mm(of_answers, window, out=of_kernel)
        return of_kernels, None


class PoolTilesByRow(Function):
    """`functions.pool_tiles`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, inputs: int) -> Tensor:  # noqa: ANN401
        """(R, 36, c x images) and (R, 9, C x c), c being `inputs`, to (R, 4 x C x images)."""
        outputs, images = weight.shape[2] // inputs, x.shape[2] // inputs
        x = x.contiguous()
        tiles = torch.empty_like(x)
        kernels = x.new_empty(len(x), TILE, outputs * inputs)
        winograd.transform_inputs(x.numpy(), tiles.numpy())
        winograd.transform_kernels(weight.numpy(), kernels.numpy())
        result = x.new_empty(len(x), 4, outputs * images)
        which = torch.empty_like(result, dtype=torch.int32)
        products = x.new_empty(TILE, outputs, images).numpy()
        flat = products.reshape(TILE, -1)
        by_row = _matrices(kernels, outputs, inputs), _matrices(tiles, inputs, images)
        parts = zip(*by_row, result.numpy(), which.numpy(), strict=True)
        for kernel, tile, largest, number in parts:
            np.matmul(kernel, tile, out=products)
            winograd.pool_products(flat, largest, number)
        ctx.save_for_backward(tiles, kernels, which)
        ctx.place = _place_of_gradient(weight)
        ctx.sizes = outputs, inputs, images
        return result.view(len(x), -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:  # noqa: ANN401
        """The gradients of x and of the weight."""
        tiles, kernels, which = ctx.saved_tensors
        outputs, inputs, images = ctx.sizes
        of_tiles, of_kernels = torch.empty_like(tiles), torch.empty_like(kernels)
        of_products = tiles.new_empty(TILE, outputs, images).numpy()
        flat = of_products.reshape(TILE, -1)
        parts = zip(
            _matrices(kernels, outputs, inputs),
            _matrices(of_kernels, outputs, inputs),
            _matrices(tiles, inputs, images),
            _matrices(of_tiles, inputs, images),
            gradient.view(len(tiles), 4, -1).numpy(),
            which.numpy(),
            strict=True,
        )
        for kernel, of_kernel, tile, of_tile, given, number in parts:
            winograd.gradient_of_products(given, number, flat)
            np.matmul(of_products, tile.transpose(BY_COLUMN), out=of_kernel)
            np.matmul(kernel.transpose(BY_COLUMN), of_products, out=of_tile)
        of_x = torch.empty_like(tiles)
        of_weight = ctx.place
        winograd.gradient_of_inputs(of_tiles.numpy(), of_x.numpy())
        winograd.gradient_of_kernels(of_kernels.numpy(), of_weight.numpy())
        return of_x, of_weight, None


def _place_of_gradient(weight: Tensor) -> Tensor:
    """In the vector of all gradients, if the parameter has one: so none has to be copied there."""
    return torch.empty_like(weight) if weight.grad is None else weight.grad


def _matrices(rows: Tensor, height: int, width: int) -> Array:
    """(R, 36, height x width) as 36 matrices for each row."""
    return rows.view(len(rows), TILE, height, width).numpy()
