"""Layers for R rows at once, a row being one branch or one head of one run.

Activations are (R, C, U, P, B): C channels, U uses of the layer in a step (both images of a shared
branch), P positions of the image, B pairs of the batch. With the batch innermost every operation
runs through memory in order; a channel's values of one use lie together, as batch norm wants them.
Each layer is made of the rows' plain layers, keeps their parameters in the layout that its products
want, and gives them back.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from mnistcmp.training.dropout import SeededDropout

Arrange = Callable[[Tensor], Tensor]


class StackedLayer(nn.Module, ABC):
    """A layer of every row."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Activations in, activations out."""

    def plain(self, row: int) -> dict[str, Tensor]:  # noqa: ARG002 - of layers that have some
        """A row's parameters and running statistics, by the names in its own network."""
        return {}


def stack(plain: Sequence[Tensor], arrange: Arrange = torch.clone) -> nn.Parameter:
    """A parameter of the rows' own, each arranged as the stacked layer wants it."""
    return nn.Parameter(torch.stack([arrange(parameter) for parameter in plain]))


def per_channel(values: Tensor) -> Tensor:
    """(R, C), to be used with activations."""
    return values[:, :, None, None, None]


class StackedLinear(StackedLayer):
    """Linear, of all channels and positions."""

    def __init__(self, name: str, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self._name = name
        self.weight = stack([layer.weight for layer in layers])
        self.bias = stack([layer.bias for layer in layers])

    def forward(self, x: Tensor) -> Tensor:
        """(R, C, U, P, B) to (R, F, U, 1, B)."""
        rows, _, uses, _, batch = x.shape
        flat = x.transpose(2, 3).reshape(rows, -1, uses * batch)
        return torch.baddbmm(self.bias[..., None], self.weight, flat).view(rows, -1, uses, 1, batch)

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
        self._epsilon = layers[0].eps
        self.weight = stack([layer.weight for layer in layers])
        self.bias = stack([layer.bias for layer in layers])
        for key in ("running_mean", "running_var"):
            self.register_buffer(key, torch.stack([getattr(layer, key) for layer in layers]))
        # Use after use moves a running value by the momentum; all of a step's at once are this.
        momentum = layers[0].momentum or 0.0
        shares = momentum * (1 - momentum) ** torch.arange(uses - 1, -1, -1)
        self.register_buffer("_shares", shares, persistent=False)
        self._kept = (1 - momentum) ** uses

    def forward(self, x: Tensor) -> Tensor:
        """(R, C, U, P, B) to the same shape."""
        if not self.training:
            slope = self.weight * (self.running_var + self._epsilon).rsqrt()
            offset = self.bias - self.running_mean * slope
            return torch.addcmul(per_channel(offset), x, per_channel(slope))
        normalised, mean, scale = torch.native_layer_norm(x, x.shape[3:], None, None, self._epsilon)
        self._follow(mean.detach(), scale.detach(), x[0, 0, 0].numel())
        return torch.addcmul(per_channel(self.bias), normalised, per_channel(self.weight))

    def _follow(self, mean: Tensor, scale: Tensor, count: int) -> None:
        """The running statistics; the variance with divisor count - 1, as in PyTorch's."""
        mean, variance = mean[..., 0, 0], scale[..., 0, 0].pow(-2).sub_(self._epsilon)
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
    """Dropout with the masks of the rows' own layers, which `StackedMasks` draws."""

    def __init__(self, layers: Sequence[SeededDropout], units: int) -> None:
        super().__init__()
        self.layers = layers
        self.units = units
        self.masks: Tensor | None = None
        """(R, units, uses, batch size), of the step."""

    def forward(self, x: Tensor) -> Tensor:
        """(R, C, U, P, B) to the same shape."""
        if not self.training or self.masks is None:
            return x
        rows, channels, uses, positions, batch = x.shape
        masks = self.masks.view(rows, channels, positions, uses, -1)[..., :batch]
        return x * masks.transpose(2, 3)


class StackedActivation(StackedLayer):
    """A function of each value."""

    FUNCTIONS: ClassVar[dict[type[nn.Module], Callable[[Tensor], Tensor]]] = {
        nn.ReLU: torch.relu,
        nn.Tanh: torch.tanh,
    }

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self._function = self.FUNCTIONS[kind]

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return self._function(x)
