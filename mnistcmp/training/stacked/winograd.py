"""The branch's third convolution, of 3 x 3 on 6 x 6 positions, and the max-pooling that follows it.

Its 4 x 4 outputs are one tile of Winograd's F(4 x 4, 3 x 3): A. Lavin, S. Gray, "Fast algorithms
for convolutional neural networks", CVPR 2016, section 4.2. Input and kernel are transformed to 36
values each, multiplied value by value with a sum over channels, so by 36 products of matrices, and
the products are transformed to the outputs. It takes a quarter of the multiplications; its rounding
error on a first step is some 1e-5 of the largest value.

PyTorch's form makes the transforms as products of matrices, all rows at once. On a processor, loops
(`winograd_transforms`) take a quarter of that time; they pool in passing, a row at a time, which
stays in the level-2 cache. The 36 small products are NumPy's, a third faster than torch's library.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from typing_extensions import override

from mnistcmp.training.stacked import winograd_transforms as transforms
from mnistcmp.training.stacked.compiled import Array, use_compiled
from mnistcmp.training.stacked.composed_conv import max_of_four
from mnistcmp.training.stacked.layer import BY_POSITION, StackedMap, place_of_gradient, stack

TILE = 36


class WinogradConv(StackedMap):
    """Conv2d(c, C, 3) on 6 x 6 positions, and MaxPool2d(2)."""

    _input_matrix: Tensor
    _kernel_matrix: Tensor
    _output_matrix: Tensor

    def __init__(self, name: str, layers: Sequence[nn.Conv2d]) -> None:
        super().__init__(name)
        self._outputs, self._inputs = layers[0].weight.shape[:2]
        # To (taps, C x c).
        self.weight = stack(layers, "weight", lambda w: w.permute(2, 3, 0, 1).reshape(9, -1))
        self.bias = stack(layers, "bias")
        for part, matrix in _matrices().items():
            self.register_buffer(f"_{part}_matrix", matrix, persistent=False)

    @override
    def map(self, x: Tensor) -> Tensor:
        """(R, c, U, 36, B) to (R, C, U, 4, B)."""
        rows, channels, uses, positions, batch = x.shape
        by_position = x.permute(BY_POSITION).reshape(rows, positions, -1)
        pooled: Tensor
        if use_compiled(x):
            pooled = _PooledConv.apply(by_position, self.weight, channels)  # type: ignore[no-untyped-call]
        else:
            tiles = (self._input_matrix @ by_position).view(rows * TILE, channels, -1)
            kernels = (self._kernel_matrix @ self.weight).view(rows * TILE, -1, channels)
            products = torch.bmm(kernels, tiles).view(rows, TILE, -1)
            pooled = max_of_four(self._output_matrix @ products)
        return pooled.view(rows, 4, self._outputs, uses, batch).permute(0, 2, 3, 1, 4)

    @override
    def plain(self, row: int) -> dict[str, Tensor]:
        weight = self.weight[row].view(3, 3, self._outputs, self._inputs).permute(2, 3, 0, 1)
        return {f"{self.name}.weight": weight, f"{self.name}.bias": self.bias[row]}


def _matrices() -> dict[str, Tensor]:
    """The transforms of a 6 x 6 input, of a 3 x 3 kernel and to the 4 x 4 output, flattened.

    Each is what its function makes of one 1 among zeros, along rows and along columns. The output's
    rows are ordered (place in its pooling window, window).
    """
    sizes = {transforms.of_input: 6, transforms.of_kernel: 3, transforms.to_output: 6}
    both_ways = []
    for function, size in sizes.items():
        plain = getattr(function, "py_func", function)
        matrix = torch.tensor([plain(unit) for unit in np.eye(size)]).T
        matrix = matrix.to(torch.get_default_dtype())
        both_ways.append(torch.kron(matrix, matrix))
    of_input, of_kernel, to_output = both_ways
    rows = torch.arange(16).view(2, 2, 2, 2).permute(1, 3, 0, 2).flatten()
    return {"input": of_input, "kernel": of_kernel, "output": to_output[rows]}


class _PooledConv(Function):
    """x (R, 36, c x images) and weight (R, 9, C x c) to (R, 4 x C x images), a row at a time."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, inputs: int) -> Tensor:  # noqa: ANN401 - torch's
        outputs, images = weight.shape[2] // inputs, x.shape[2] // inputs
        x = x.contiguous()
        tiles = torch.empty_like(x)
        kernels = x.new_empty(len(x), TILE, outputs * inputs)
        transforms.transform_inputs(x.numpy(), tiles.numpy(), None)
        transforms.transform_kernels(weight.numpy(), kernels.numpy())
        result = x.new_empty(len(x), 4, outputs * images)
        which = torch.empty_like(result, dtype=torch.int32)
        products = x.new_empty(TILE, outputs, images).numpy()
        flat = products.reshape(TILE, -1)
        by_row = _by_row(kernels, outputs, inputs), _by_row(tiles, inputs, images)
        parts = zip(*by_row, result.numpy(), which.numpy(), strict=True)
        for kernel, tile, largest, number in parts:
            np.matmul(kernel, tile, out=products)
            transforms.pool_products(flat, largest, number)
        ctx.save_for_backward(tiles, kernels, which)
        ctx.place = place_of_gradient(weight)
        ctx.sizes = outputs, inputs, images
        return result.view(len(x), -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:  # noqa: ANN401
        tiles, kernels, which = ctx.saved_tensors
        outputs, inputs, images = ctx.sizes
        grad_tiles, grad_kernels = torch.empty_like(tiles), torch.empty_like(kernels)
        grad_products = tiles.new_empty(TILE, outputs, images).numpy()
        flat = grad_products.reshape(TILE, -1)
        parts = zip(
            _by_row(kernels, outputs, inputs),
            _by_row(grad_kernels, outputs, inputs),
            _by_row(tiles, inputs, images),
            _by_row(grad_tiles, inputs, images),
            gradient.view(len(tiles), 4, -1).numpy(),
            which.numpy(),
            strict=True,
        )
        for kernel, grad_kernel, tile, grad_tile, given, number in parts:
            transforms.grad_pool_products(given, number, flat)
            np.matmul(grad_products, tile.transpose(0, 2, 1), out=grad_kernel)
            np.matmul(kernel.transpose(0, 2, 1), grad_products, out=grad_tile)
        grad_x, grad_weight = torch.empty_like(tiles), ctx.place
        transforms.transform_inputs(grad_tiles.numpy(), grad_x.numpy(), True)
        transforms.grad_transform_kernels(grad_kernels.numpy(), grad_weight.numpy())
        return grad_x, grad_weight, None


def _by_row(values: Tensor, height: int, width: int) -> Array:
    """(R, 36, height x width) as 36 matrices for each row."""
    return values.view(len(values), TILE, height, width).numpy()
