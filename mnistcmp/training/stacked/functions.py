"""The convolutions with their max-pooling, forward and backward.

What a convolution gives before pooling is large, and needed only until it is pooled. On a processor
a row at a time stays in its cache, with compiled loops for all that is no product of matrices
(`processor`); on a GPU all rows go at once, by PyTorch's operations, which is here.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from mnistcmp.training.stacked.loops.compiled import usable
from mnistcmp.training.stacked.processor import PoolTilesByRow, PoolWindowsByRow, Product

_where_above = torch.ops.aten.threshold_backward
"""(gradient, value, threshold): the gradient where the value is above it, else zero."""

Transforms = tuple[Tensor, Tensor, Tensor]


def product(weight: Tensor, x: Tensor) -> Tensor:
    """(R, F, K) and (R, K, B) to (R, F, B)."""
    if usable(x):
        return Product.apply(weight, x)  # type: ignore[no-any-return, no-untyped-call]
    return torch.bmm(weight, x)


def pool_windows(kernels: Tensor, windows: Tensor) -> Tensor:
    """The largest of four kernels' answers to each window.

    Args:
        kernels: (R, 4 x C, K): the four answers that a pooling takes the largest of.
        windows: (R, M, K), constant.

    Returns:
        (R, C x M).
    """
    function = PoolWindowsByRow if usable(kernels) else _PoolWindows
    return function.apply(kernels, windows)  # type: ignore[no-any-return, no-untyped-call]


def pool_tiles(x: Tensor, weight: Tensor, channels: int, transforms: Transforms) -> Tensor:
    """A convolution in Winograd's domain, max-pooled.

    Args:
        x: (R, P, c x images): an image's P positions are one tile.
        weight: (R, K, C x c): at each of a kernel's K positions.
        channels: c, those of the input.
        transforms: Of the input (T, P), of the kernel (T, K), and to the output (4 x O, T), the
            outputs that a pooling takes the largest of apart.

    Returns:
        (R, O x C x images).
    """
    if usable(x):
        return PoolTilesByRow.apply(x, weight, channels)  # type: ignore[no-any-return, no-untyped-call]
    return _PoolTiles.apply(x, weight, channels, *transforms)  # type: ignore[no-any-return, no-untyped-call]


class _PoolWindows(Function):
    @staticmethod
    def forward(ctx: Any, kernels: Tensor, windows: Tensor) -> Tensor:  # noqa: ANN401 - torch's
        answers = torch.bmm(kernels, windows.transpose(1, 2))
        ctx.save_for_backward(windows, answers)
        return _four(answers).amax(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        windows, answers = ctx.saved_tensors
        return torch.bmm(_to_largest(gradient, answers), windows), None


class _PoolTiles(Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        x: Tensor,
        weight: Tensor,
        inputs: int,
        *transforms: Tensor,
    ) -> Tensor:
        of_input, of_kernel, to_output = transforms
        outputs, images = weight.shape[2] // inputs, x.shape[2] // inputs
        tiles, kernels = of_input @ x, of_kernel @ weight
        products = torch.bmm(
            kernels.view(-1, outputs, inputs), tiles.view(-1, inputs, images)
        ).view(len(x), len(of_input), -1)
        answers = to_output @ products
        ctx.save_for_backward(*transforms, tiles, kernels, answers)
        ctx.sizes = outputs, inputs, images
        return _four(answers).amax(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        of_input, of_kernel, to_output, tiles, kernels, answers = ctx.saved_tensors
        outputs, inputs, images = ctx.sizes
        of_products = to_output.T @ _to_largest(gradient, answers)
        by_tile = of_products.view(-1, outputs, images)
        of_kernels = torch.bmm(by_tile, tiles.view(-1, inputs, images).transpose(1, 2))
        of_tiles = torch.bmm(kernels.view(-1, outputs, inputs).transpose(1, 2), by_tile)
        return (
            of_input.T @ of_tiles.view(tiles.shape),
            of_kernel.T @ of_kernels.view(kernels.shape),
            *(None,) * 4,
        )


def _to_largest(gradient: Tensor, answers: Tensor) -> Tensor:
    """Hands the gradient (R, X) of a maximum of four to the largest of the answers (R, 4, X).

    The first of equal ones has it, as in PyTorch's max-pooling.

    Returns:
        In the answers' shape.
    """
    first, second, third, fourth = _four(answers).unbind(1)
    lead = torch.maximum(third, fourth) - torch.maximum(first, second)
    lower = _where_above(gradient, lead, 0)
    upper = gradient - lower
    to_second = _where_above(upper, second - first, 0)
    to_fourth = _where_above(lower, fourth - third, 0)
    parts = [upper - to_second, to_second, lower - to_fourth, to_fourth]
    return torch.stack(parts, 1).view(answers.shape)


def _four(values: Tensor) -> Tensor:
    """(R, 4 x a, b) to (R, 4, a x b)."""
    return values.view(len(values), 4, -1)
