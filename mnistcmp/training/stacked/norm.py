"""Batch norm, and a map of a stack with all that follows it up to batch norm.

Bias, dropout, ReLU and batch norm are four layers and, in PyTorch, some ten passes over memory
forward and more backward. Compiled (`norm_loops`), a segment, which is what batch norm takes
together, goes through all of them while it is in the first-level cache. Only the map's outputs are
kept for the backward pass, where the segment is activated once more.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from typing_extensions import override

from mnistcmp.training.dropout import StackedDropout
from mnistcmp.training.stacked.compiled import Array, use_compiled
from mnistcmp.training.stacked.layer import StackedLayer, StackedMap, per_channel, stack
from mnistcmp.training.stacked.norm_loops import Steps, norm_backward, norm_evaluate, norm_forward


class StackedBatchNorm(StackedLayer):
    """BatchNorm1d or 2d; each use by its own statistics, the running ones following in turn.

    The values that a batch norm takes together lie side by side here, so PyTorch's layer norm does
    the work.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, name: str, layers: Sequence[nn.BatchNorm1d | nn.BatchNorm2d]) -> None:
        super().__init__(name)
        self.epsilon = layers[0].eps
        self.weight = stack(layers, "weight")
        self.bias = stack(layers, "bias")
        for key in ("running_mean", "running_var"):
            self.register_buffer(key, torch.stack([getattr(layer, key) for layer in layers]))
        self.momentum = layers[0].momentum or 0.0

    @override
    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            slope, offset = self.running_map()
            return torch.addcmul(per_channel(offset), x, per_channel(slope))
        normalised, mean, scale = torch.native_layer_norm(x, x.shape[3:], None, None, self.epsilon)
        self._follow(mean[..., 0, 0], scale[..., 0, 0], x[0, 0, 0].numel())
        return torch.addcmul(per_channel(self.bias), normalised, per_channel(self.weight))

    def running_map(self) -> tuple[Tensor, Tensor]:
        """What it does by the running statistics: a slope and an offset, (R, C) each."""
        slope = self.weight * (self.running_var + self.epsilon).rsqrt()
        return slope, self.bias - self.running_mean * slope

    def _follow(self, mean: Tensor, scale: Tensor, count: int) -> None:
        """The running statistics, use by use; the variance with divisor count - 1, as in PyTorch's.

        `mean` and `scale`, 1 / sqrt(variance + epsilon), are of each use's batch, (R, C, U), and of
        `count` values each.
        """
        # By no product of matrices, whose last bit depends on how many rows there are.
        unbiased = scale.detach().pow(-2).sub_(self.epsilon).mul_(count / max(count - 1, 1))
        for use in range(mean.shape[2]):
            self.running_mean.lerp_(mean[..., use].detach(), self.momentum)
            self.running_var.lerp_(unbiased[..., use], self.momentum)


class StackedBlock(nn.Module):
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
        self.layer, self.dropout, self.norm, self._order = layer, dropout, norm, order

    @override
    def forward(self, x: Tensor) -> Tensor:
        mapped, bias, norm = self.layer.map(x), self.layer.channel_bias(), self.norm
        y: Tensor
        if not use_compiled(mapped):
            biased = mapped + per_channel(bias)
            dropped = biased if self.dropout is None else self.dropout(biased)
            y = norm(torch.relu(dropped))
        elif self.training:
            masks = None if self.dropout is None else self.dropout.masks
            y = _CompiledBlock.apply(  # type: ignore[no-untyped-call]
                mapped, bias, norm.weight, norm.bias, masks, norm, self._order
            )
        else:
            mapped = _packed(mapped)
            y = _in_order(mapped, self._order)
            by_channel = _arrays(bias, *norm.running_map())
            norm_evaluate(*_memory(mapped), *by_channel, *_memory(y), tuple(y.shape[2:]))
        return y


class _CompiledBlock(Function):
    @staticmethod
    def forward(
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
        y = _in_order(x, order)
        mean, scale = x.new_empty(2, *x.shape[:3]).unbind(0)
        norm_forward(
            *_memory(x),
            *_masks(masks, x.shape),
            *_arrays(bias, weight, offset),
            norm.epsilon,
            *_memory(y),
            *_arrays(mean, scale, norm.running_mean, norm.running_var),
            norm.momentum,
            tuple(x.shape[3:]),
        )
        ctx.save_for_backward(x, bias, weight, mean, scale)
        ctx.masks = masks
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, bias, weight, mean, scale = ctx.saved_tensors
        grad_x = torch.empty_like(x)
        of_channels = torch.zeros(3, *bias.shape, dtype=x.dtype).unbind(0)
        norm_backward(
            *_memory(_packed(gradient)),
            *_memory(x),
            *_masks(ctx.masks, x.shape),
            *_arrays(bias, weight, mean, scale),
            _memory(grad_x)[0],
            *_arrays(*of_channels),
            tuple(x.shape[3:]),
        )
        return grad_x, *of_channels, None, None, None


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


def _arrays(*tensors: Tensor) -> list[Array]:
    return [tensor.detach().numpy() for tensor in tensors]


def _memory(x: Tensor) -> tuple[Array, Steps]:
    """Packed activations as one flat array, and how far apart their parts are in it."""
    flat = x.detach().as_strided((x.numel(),), (1,)).numpy()
    rows, channels, uses, positions, _ = x.stride()
    return flat, (rows, channels, uses, positions)


def _masks(masks: Tensor | None, shape: torch.Size) -> tuple[Array, Steps]:
    """Masks (R, units, uses, batch size), a unit being a position of a channel."""
    if masks is None:
        return None, (0, 0, 0, 0)
    row, unit, use, _ = masks.stride()
    flat = masks.as_strided((_extent(masks),), (1,)).numpy()
    return flat, (row, unit * shape[3], use, unit)
