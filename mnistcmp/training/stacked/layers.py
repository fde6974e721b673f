"""Layers for R rows at once, a row being one branch or one head of one run.

Activations are (R, C, U, P, B): C channels, U uses of the layer in a step (both images of a shared
branch), P positions of the image, B pairs of the batch. With the batch innermost every operation
runs through memory in order; a channel's values of one use lie together, as batch norm wants them.
Each layer is made of the rows' plain layers, keeps their parameters in the layout that its products
want, and gives them back.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from mnistcmp.training.dropout import (
    LANES,
    SeededDropout,
    dropout_masks,
    mask_counters,
    threshold,
    words,
)
from mnistcmp.training.stacked.functions import product
from mnistcmp.training.stacked.loops.compiled import usable
from mnistcmp.training.stacked.loops.masks import draw

BY_POSITION = 0, 3, 1, 2, 4
"""(R, C, U, P, B) as memory in which a row's positions are outermost: the next convolution's."""
BY_CHANNEL = 0, 1, 3, 2, 4
"""As memory in which a channel's positions stand before its uses: the next linear layer's."""

Arrange = Callable[[Tensor], Tensor]


class StackedLayer(nn.Module, ABC):
    """A layer of every row."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Activations in, activations out."""

    def plain(self, row: int) -> dict[str, Tensor]:  # noqa: ARG002 - of layers that have some
        """A row's parameters and running statistics, by the names in its own network."""
        return {}


class StackedMap(StackedLayer):
    """A linear map of every row, with a bias for each channel."""

    @abstractmethod
    def map(self, x: Tensor) -> Tensor:
        """The map without its bias."""

    @abstractmethod
    def channel_bias(self) -> Tensor:
        """(R, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Activations in, activations out."""
        return self.map(x) + per_channel(self.channel_bias())


def stack(plain: Sequence[Tensor], arrange: Arrange = torch.clone) -> nn.Parameter:
    """A parameter of the rows' own, each arranged as the stacked layer wants it."""
    return nn.Parameter(torch.stack([arrange(parameter) for parameter in plain]))


def per_channel(values: Tensor) -> Tensor:
    """(R, C), to be used with activations."""
    return values[:, :, None, None, None]


class StackedLinear(StackedMap):
    """Linear, of all channels and positions."""

    def __init__(self, name: str, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self._name = name
        self.weight = stack([layer.weight for layer in layers])
        self.bias = stack([layer.bias for layer in layers])

    def map(self, x: Tensor) -> Tensor:
        """(R, C, U, P, B) to (R, F, U, 1, B)."""
        rows, _, uses, _, batch = x.shape
        flat = x.transpose(2, 3).reshape(rows, -1, uses * batch)
        return product(self.weight, flat).view(rows, -1, uses, 1, batch)

    def channel_bias(self) -> Tensor:
        """As `StackedMap.channel_bias`."""
        return self.bias

    def plain(self, row: int) -> dict[str, Tensor]:
        """As `StackedLayer.plain`."""
        return {f"{self._name}.weight": self.weight[row], f"{self._name}.bias": self.bias[row]}


class StackedBatchNorm(StackedLayer):
    """BatchNorm1d or 2d; each use by its own statistics, the running ones following in turn.

    The values that a batch norm takes together lie side by side here, so PyTorch's layer norm does
    the work.
    """

    running_mean: Tensor
    running_var: Tensor
    _shares: Tensor

    def __init__(
        self, name: str, layers: Sequence[nn.BatchNorm1d | nn.BatchNorm2d], uses: int
    ) -> None:
        super().__init__()
        self._name = name
        self.epsilon = layers[0].eps
        self.weight = stack([layer.weight for layer in layers])
        self.bias = stack([layer.bias for layer in layers])
        for key in ("running_mean", "running_var"):
            self.register_buffer(key, torch.stack([getattr(layer, key) for layer in layers]))
        # Use after use moves a running value by the momentum; all of a step's at once are this.
        self.momentum = layers[0].momentum or 0.0
        shares = self.momentum * (1 - self.momentum) ** torch.arange(uses - 1, -1, -1)
        self.register_buffer("_shares", shares, persistent=False)
        self._kept = (1 - self.momentum) ** uses

    def forward(self, x: Tensor) -> Tensor:
        """(R, C, U, P, B) to the same shape."""
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
        """The running statistics; the variance with divisor count - 1, as in PyTorch's.

        Args:
            mean: Of each use's batch, (R, C, U).
            scale: 1 / sqrt(variance + epsilon) of the same.
            count: Values that each of them is of.
        """
        mean, variance = mean.detach(), scale.detach().pow(-2).sub_(self.epsilon)
        self.running_mean.mul_(self._kept).add_(mean @ self._shares)
        self.running_var.mul_(self._kept).add_(
            variance @ self._shares, alpha=count / max(count - 1, 1)
        )

    def plain(self, row: int) -> dict[str, Tensor]:
        """As `StackedLayer.plain`."""
        return {
            f"{self._name}.weight": self.weight[row],
            f"{self._name}.bias": self.bias[row],
            f"{self._name}.running_mean": self.running_mean[row],
            f"{self._name}.running_var": self.running_var[row],
        }


class StackedDropout(StackedLayer):
    """Dropout with the masks of the rows' own layers: the same function of keys and counters."""

    _keys: Tensor
    _sites: Tensor

    def __init__(self, layers: Sequence[SeededDropout], units: int) -> None:
        super().__init__()
        self._rate = layers[0].p
        self._shape = len(layers), units, layers[0].uses, layers[0].batch_size
        sites = torch.tensor([layer.site for layer in layers])
        self.register_buffer("_keys", torch.cat([layer.key for layer in layers]), persistent=False)
        self.register_buffer("_sites", sites, persistent=False)
        self.masks: Tensor | None = None
        """(R, units, uses, batch size), of the step."""

    def start_step(self, step: int | Tensor) -> None:
        """Draws the masks of a step, counted from 0."""
        values = prod(self._shape[1:])
        counters = mask_counters(self._sites, step)
        if usable(self._keys):
            masks = torch.empty(len(counters), words(values) * LANES)
            keys, firsts = (t.numpy().view(np.uint64) for t in (self._keys, counters))
            draw(keys, firsts, threshold(self._rate), 1 / (1 - self._rate), masks.numpy())
        else:
            masks = dropout_masks(self._keys, counters, words(values), self._rate)
        self.masks = masks[:, :values].view(self._shape)

    def forward(self, x: Tensor) -> Tensor:
        """(R, C, U, P, B) to the same shape."""
        if not self.training or self.masks is None:
            return x
        rows, channels, uses, positions, batch = x.shape
        masks = self.masks.view(rows, channels, positions, uses, -1)[..., :batch]
        return x * masks.transpose(2, 3)


class StackedRelu(StackedLayer):
    """ReLU of each value."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return torch.relu(x)


class StackedTanh(StackedLayer):
    """Tanh of each value."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return torch.tanh(x)
