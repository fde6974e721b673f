"""A map of a stack with all that follows it up to batch norm, in one pass over memory."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from mnistcmp.training.stacked.layers import (
    StackedBatchNorm,
    StackedDropout,
    StackedLayer,
    StackedMap,
    per_channel,
)
from mnistcmp.training.stacked.loops.compiled import usable
from mnistcmp.training.stacked.loops.norm import Steps, norm_backward, norm_evaluate, norm_forward


class StackedBlock(StackedLayer):
    """A convolution or linear layer, dropout where there is one, ReLU and batch norm."""

    def __init__(
        self,
        layer: StackedMap,
        dropout: StackedDropout | None,
        norm: StackedBatchNorm,
        order: tuple[int, ...],
    ) -> None:
        """Joins layers that follow each other; `order` is how the next one wants its memory."""
        super().__init__()
        self.layer = layer
        self.dropout = dropout
        self.norm = norm
        self._order = order

    def forward(self, x: Tensor) -> Tensor:
        """As its layers, one after the other."""
        mapped = self.layer.map(x)
        bias = self.layer.channel_bias()
        if not self.training and usable(mapped):
            return self._evaluate(mapped, bias)
        if not usable(mapped):
            biased = mapped + per_channel(bias)
            dropped = biased if self.dropout is None else self.dropout(biased)
            normed: Tensor = self.norm(torch.relu(dropped))
            return normed
        masks = None if self.dropout is None else self.dropout.masks
        norm = self.norm
        return _Pass.apply(  # type: ignore[no-any-return, no-untyped-call]
            mapped, bias, norm.weight, norm.bias, masks, norm, self._order
        )

    def _evaluate(self, mapped: Tensor, bias: Tensor) -> Tensor:
        x = _packed(mapped)
        y = _in_order(x, self._order)
        slope, offset = self.norm.running_map()
        norm_evaluate(
            *_memory(x),
            bias.detach().numpy(),
            slope.detach().numpy(),
            offset.detach().numpy(),
            *_memory(y),
            (x.shape[2], x.shape[3], x.shape[4]),
        )
        return y

    def plain(self, row: int) -> dict[str, Tensor]:
        """As `StackedLayer.plain`."""
        return self.layer.plain(row) | self.norm.plain(row)


class _Pass(Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - torch passes no keywords
        ctx: Any,  # noqa: ANN401 - torch's
        x: Tensor,
        bias: Tensor,
        weight: Tensor,
        offset: Tensor,
        masks: Tensor | None,
        norm: StackedBatchNorm,
        order: tuple[int, ...],
    ) -> Tensor:
        x = _packed(x)
        shape = x.shape
        y = _in_order(x, order)
        mean, scale = x.new_empty(2, *shape[:3]).unbind(0)
        mask_memory, mask_steps = _masks(masks, shape)
        norm_forward(
            *_memory(x),
            mask_memory,
            mask_steps,
            bias.detach().numpy(),
            weight.detach().numpy(),
            offset.detach().numpy(),
            norm.epsilon,
            *_memory(y),
            mean.numpy(),
            scale.numpy(),
            norm.running_mean.numpy(),
            norm.running_var.numpy(),
            norm.momentum,
            (shape[3], shape[4]),
        )
        ctx.save_for_backward(x, bias, weight, mean, scale)
        ctx.masks = masks
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, bias, weight, mean, scale = ctx.saved_tensors
        of_x = torch.empty_like(x)
        of_bias, of_weight, of_offset = torch.zeros(3, *bias.shape, dtype=x.dtype).unbind(0)
        mask_memory, mask_steps = _masks(ctx.masks, x.shape)
        norm_backward(
            *_memory(_packed(gradient)),
            *_memory(x),
            mask_memory,
            mask_steps,
            bias.detach().numpy(),
            weight.detach().numpy(),
            mean.numpy(),
            scale.numpy(),
            _memory(of_x)[0],
            of_bias.numpy(),
            of_weight.numpy(),
            of_offset.numpy(),
            (x.shape[3], x.shape[4]),
        )
        return of_x, of_bias, of_weight, of_offset, None, None, None


def _in_order(like: Tensor, order: tuple[int, ...]) -> Tensor:
    """Activations of the same shape, in fresh memory in which the axes have that order."""
    memory = like.new_empty([like.shape[axis] for axis in order])
    return memory.permute([order.index(axis) for axis in range(5)])


def _packed(x: Tensor) -> Tensor:
    """The activations in memory without gaps, the batch innermost; a copy only if need be."""
    return x if _extent(x) == x.numel() and x.stride(4) == 1 else x.contiguous()


def _extent(x: Tensor) -> int:
    """Numbers in memory from a tensor's first to its last."""
    return 1 + sum((size - 1) * stride for size, stride in zip(x.shape, x.stride(), strict=True))


def _memory(x: Tensor) -> tuple[Any, Steps]:
    """Packed activations as one flat array, and how far apart their parts are in it."""
    flat = x.detach().as_strided((x.numel(),), (1,)).numpy()
    rows, channels, uses, positions, _ = x.stride()
    return flat, (rows, channels, uses, positions)


def _masks(masks: Tensor | None, shape: torch.Size) -> tuple[Any, Steps]:
    """Masks (R, units, uses, batch size), a unit being a position of a channel."""
    if masks is None:
        return None, (0, 0, 0, 0)
    row, unit, use, _ = masks.stride()
    flat = masks.as_strided((_extent(masks),), (1,)).numpy()
    return flat, (row, unit * shape[3], use, unit)
