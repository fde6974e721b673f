"""The convolutions with their max-pooling, forward and backward, some rows of a stack at a time.

What a convolution gives before pooling is large, and needed only until it is pooled. On a CPU a row
at a time stays in the processor's cache, where whole stacks took three times as long; on a GPU all
rows go at once. The numbers are the same.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

_where_above = torch.ops.aten.threshold_backward
"""(gradient, value, threshold): the gradient where the value is above it, else zero."""


IMAGES_TOGETHER = 64
"""On a CPU; what two 2 MiB level-2 caches were filled by best."""

WINDOWS_OF_AN_IMAGE = 36

_BY_POSITION = 0, 3, 1, 2, 4
"""From (R, C, U, P, B) to (R, P, C, U, B)."""


def pool_windows(kernels: Tensor, windows: Tensor) -> Tensor:
    """The largest of four kernels' answers to each window.

    Args:
        kernels: (R, 4 x C, K): the four answers that a pooling takes the largest of.
        windows: (R, M, K), constant.

    Returns:
        (R, C x M).
    """
    return _PoolWindows.apply(kernels, windows)  # type: ignore[no-any-return, no-untyped-call]


def pool_tiles(x: Tensor, weight: Tensor, transforms: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """A convolution in Winograd's domain, max-pooled.

    Args:
        x: (R, c, U, P, B): an image's P positions are one tile.
        weight: (R, K, C x c): at each of a kernel's K positions.
        transforms: Of the input (T, P), of the kernel (T, K), and to the output (4 x O, T), the
            outputs that a pooling takes the largest of apart.

    Returns:
        (R, O x C x U x B).
    """
    return _PoolTiles.apply(x, weight, *transforms)  # type: ignore[no-any-return, no-untyped-call]


class _PoolWindows(Function):
    @staticmethod
    def forward(ctx: Any, kernels: Tensor, windows: Tensor) -> Tensor:  # noqa: ANN401 - torch's
        ctx.save_for_backward(kernels, windows)
        images = windows.shape[1]
        result = windows.new_empty(len(kernels), kernels.shape[1] // 4 * images)
        chunks = _chunks(kernels, images // WINDOWS_OF_AN_IMAGE)
        scratch = kernels.new_empty(_longest(chunks), kernels.shape[1], images)
        for chunk in chunks:
            answers = _like(scratch, chunk)
            torch.bmm(kernels[chunk], windows[chunk].transpose(1, 2), out=answers)
            torch.amax(_four(answers), 1, out=result[chunk])
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        kernels, windows = ctx.saved_tensors
        of_kernels = torch.empty_like(kernels)
        images = windows.shape[1]
        chunks = _chunks(kernels, images // WINDOWS_OF_AN_IMAGE)
        scratch = kernels.new_empty(2, _longest(chunks), kernels.shape[1], images)
        for chunk in chunks:
            answers, of_answers = (_like(part, chunk) for part in scratch)
            # Making the answers again is cheaper than fetching them from memory.
            torch.bmm(kernels[chunk], windows[chunk].transpose(1, 2), out=answers)
            _to_largest(gradient[chunk], _four(answers), _four(of_answers))
            torch.bmm(of_answers, windows[chunk], out=of_kernels[chunk])
        return of_kernels, None


class _PoolTiles(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, *transforms: Tensor) -> Tensor:  # noqa: ANN401
        of_input, of_kernel, to_output = transforms
        rows, inputs, uses, positions, batch = x.shape
        images = uses * batch
        outputs, size = weight.shape[2] // inputs, len(of_input)
        tiles = x.new_empty(rows, size, inputs * images)
        answers = x.new_empty(rows, len(to_output), outputs * images)
        chunks = _chunks(x, images)
        count = _longest(chunks)
        all_flat = x.new_empty(count, positions, inputs * images)
        all_kernels = x.new_empty(count, size, outputs * inputs)
        all_products = x.new_empty(count, size, outputs * images)
        for chunk in chunks:
            flat, kernels = _like(all_flat, chunk), _like(all_kernels, chunk)
            products, tile = _like(all_products, chunk), tiles[chunk]
            flat.view(-1, positions, inputs, uses, batch).copy_(x[chunk].permute(_BY_POSITION))
            torch.bmm(_for_each(of_input, flat), flat, out=tile)
            torch.bmm(_for_each(of_kernel, flat), weight[chunk], out=kernels)
            torch.bmm(
                kernels.view(-1, outputs, inputs),
                tile.view(-1, inputs, images),
                out=products.view(-1, outputs, images),
            )
            torch.bmm(_for_each(to_output, flat), products, out=answers[chunk])
        ctx.save_for_backward(weight, *transforms, tiles, answers)
        ctx.shape = x.shape
        return _four(answers).amax(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        weight, of_input, of_kernel, to_output, tiles, answers = ctx.saved_tensors
        _, inputs, uses, positions, batch = ctx.shape
        images = uses * batch
        outputs, size = weight.shape[2] // inputs, len(of_input)
        of_x, of_weight = weight.new_empty(ctx.shape), torch.empty_like(weight)
        chunks = _chunks(weight, images)
        count = _longest(chunks)
        scratch = weight.new_empty(2, count, size, outputs * inputs)
        all_of_answers = torch.empty_like(answers[:count])
        all_of_products = weight.new_empty(count, size, outputs * images)
        all_of_tile = torch.empty_like(tiles[:count])
        all_of_flat = weight.new_empty(count, positions, inputs * images)
        for chunk in chunks:
            kernels, of_kernels = (_like(part, chunk) for part in scratch)
            of_answers, of_products = _like(all_of_answers, chunk), _like(all_of_products, chunk)
            of_tile, of_flat = _like(all_of_tile, chunk), _like(all_of_flat, chunk)
            _to_largest(gradient[chunk], _four(answers[chunk]), _four(of_answers))
            torch.bmm(_for_each(to_output.T, of_answers), of_answers, out=of_products)
            by_tile = of_products.view(-1, outputs, images)
            torch.bmm(
                by_tile,
                tiles[chunk].view(-1, inputs, images).transpose(1, 2),
                out=of_kernels.view(-1, outputs, inputs),
            )
            torch.bmm(_for_each(of_kernel.T, of_kernels), of_kernels, out=of_weight[chunk])
            torch.bmm(_for_each(of_kernel, of_kernels), weight[chunk], out=kernels)
            torch.bmm(
                kernels.view(-1, outputs, inputs).transpose(1, 2),
                by_tile,
                out=of_tile.view(-1, inputs, images),
            )
            torch.bmm(_for_each(of_input.T, of_tile), of_tile, out=of_flat)
            by_position = of_flat.view(-1, positions, inputs, uses, batch)
            of_x[chunk].permute(_BY_POSITION).copy_(by_position)
        return of_x, of_weight, None, None, None


def _to_largest(gradient: Tensor, values: Tensor, result: Tensor) -> None:
    """Hands the gradient (r, X) of a maximum of four to the largest of the values (r, 4, X).

    The first of equal ones has it, as in PyTorch's max-pooling. Each step is one pass over memory.
    """
    first, second, third, fourth = values.unbind(1)
    to_first, to_second, to_third, to_fourth = result.unbind(1)
    lead = torch.maximum(third, fourth).sub_(torch.maximum(first, second))
    lower = _where_above(gradient, lead, 0)
    upper = gradient - lower
    for part, a, b, to_a, to_b in (
        (upper, first, second, to_first, to_second),
        (lower, third, fourth, to_third, to_fourth),
    ):
        torch.sub(b, a, out=lead)
        _where_above.grad_input(part, lead, 0, grad_input=to_b)
        torch.sub(part, to_b, out=to_a)


def _chunks(like: Tensor, images: int) -> list[slice]:
    """Which rows go together, a row being so many images of 14 x 14."""
    rows = len(like)
    count = max(1, IMAGES_TOGETHER // images) if like.device.type == "cpu" else rows
    return [slice(row, min(row + count, rows)) for row in range(0, rows, count)]


def _longest(chunks: list[slice]) -> int:
    return int(chunks[0].stop)


def _like(scratch: Tensor, chunk: slice) -> Tensor:
    """As much of the scratch memory as the chunk has rows."""
    return scratch[: chunk.stop - chunk.start]


def _for_each(transform: Tensor, rows: Tensor) -> Tensor:
    """The same matrix for each row, without a copy."""
    return transform.expand(len(rows), -1, -1)


def _four(values: Tensor) -> Tensor:
    """(r, 4 x a, b) to (r, 4, a x b)."""
    return values.view(len(values), 4, -1)
