"""The branch's convolutions for R rows at once, each with the max-pooling that follows it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mnistcmp.training.stacked.functions import pool_tiles, pool_windows
from mnistcmp.training.stacked.layers import BY_POSITION, StackedMap, stack


class ComposedConvs(StackedMap):
    """Conv2d(c, k, 2), Conv2d(k, C, 2) and MaxPool2d(2), on the windows of 14 x 14 images.

    With nothing between them, the two convolutions are one linear map of a 4 x 4 window to its four
    outputs, of which the pooling takes the largest.
    """

    _placing: Tensor

    def __init__(
        self, names: tuple[str, str], first: Sequence[nn.Conv2d], second: Sequence[nn.Conv2d]
    ) -> None:
        super().__init__()
        self._names = names
        self._between, self._inputs = first[0].weight.shape[:2]
        self._outputs = second[0].weight.shape[0]
        self.weight1 = stack([layer.weight for layer in first], lambda w: w.flatten(1))
        self.bias1 = stack(_biases(first))
        # To (C x taps, k).
        self.weight2 = stack(
            [layer.weight for layer in second], lambda w: w.permute(0, 2, 3, 1).flatten(0, 2)
        )
        self.bias2 = stack(_biases(second))
        self.register_buffer("_placing", _placing(), persistent=False)

    def map(self, x: Tensor) -> Tensor:
        """Windows (R, U, P, B, pixels) to (R, C, U, P, B)."""
        rows, *images, pixels = x.shape
        largest = pool_windows(self._kernels(), x.view(rows, -1, pixels))
        return largest.view(rows, self._outputs, *images)

    def _kernels(self) -> Tensor:
        """The composed map: (R, 4 x C, pixels)."""
        rows = len(self.weight1)
        first = self.weight1.view(rows, self._between, -1)
        products = torch.bmm(self.weight2, first)  # (R, C x taps, c x taps)
        products = products.view(rows, self._outputs, 4, self._inputs, 4).transpose(2, 3)
        placed = products.reshape(-1, 16) @ self._placing
        placed = placed.view(rows, self._outputs, self._inputs, 4, 16).permute(0, 3, 1, 2, 4)
        return placed.reshape(rows, 4 * self._outputs, -1)

    def channel_bias(self) -> Tensor:
        """As `StackedMap.channel_bias`."""
        taps = self.weight2.view(len(self.weight2), self._outputs, 4, self._between).sum(2)
        return torch.baddbmm(self.bias2[..., None], taps, self.bias1[..., None]).squeeze(-1)

    def plain(self, row: int) -> dict[str, Tensor]:
        """As `StackedLayer.plain`."""
        first, second = self._names
        weight2 = self.weight2[row].view(self._outputs, 2, 2, self._between)
        return {
            f"{first}.weight": self.weight1[row].view(self._between, self._inputs, 2, 2),
            f"{first}.bias": self.bias1[row],
            f"{second}.weight": weight2.permute(0, 3, 1, 2),
            f"{second}.bias": self.bias2[row],
        }


class WinogradConv(StackedMap):
    """Conv2d(c, C, 3) on 6 x 6 positions, and MaxPool2d(2).

    One tile of Winograd's F(4 x 4, 3 x 3): A. Lavin, S. Gray, "Fast algorithms for convolutional
    neural networks", CVPR 2016, section 4.2. It takes a quarter of the multiplications, and every
    step of it is a product of matrices.
    """

    _of_input: Tensor
    _of_kernel: Tensor
    _to_output: Tensor

    def __init__(self, name: str, layers: Sequence[nn.Conv2d]) -> None:
        super().__init__()
        self._name = name
        self._outputs, self._inputs = layers[0].weight.shape[:2]
        # To (taps, C x c).
        self.weight = stack(
            [layer.weight for layer in layers], lambda w: w.permute(2, 3, 0, 1).reshape(9, -1)
        )
        self.bias = stack(_biases(layers))
        of_input, of_kernel, to_output = _winograd()
        self.register_buffer("_of_input", of_input, persistent=False)
        self.register_buffer("_of_kernel", of_kernel, persistent=False)
        self.register_buffer("_to_output", to_output, persistent=False)

    def map(self, x: Tensor) -> Tensor:
        """(R, c, U, 36, B) to (R, C, U, 4, B)."""
        rows, channels, uses, positions, batch = x.shape
        transforms = self._of_input, self._of_kernel, self._to_output
        by_position = x.permute(BY_POSITION).reshape(rows, positions, -1)
        largest = pool_tiles(by_position, self.weight, channels, transforms)
        return largest.view(rows, 4, self._outputs, uses, batch).permute(0, 2, 3, 1, 4)

    def channel_bias(self) -> Tensor:
        """As `StackedMap.channel_bias`."""
        return self.bias

    def plain(self, row: int) -> dict[str, Tensor]:
        """As `StackedLayer.plain`."""
        weight = self.weight[row].view(3, 3, self._outputs, self._inputs).permute(2, 3, 0, 1)
        return {f"{self._name}.weight": weight, f"{self._name}.bias": self.bias[row]}


def _biases(layers: Sequence[nn.Conv2d]) -> list[Tensor]:
    return [layer.bias for layer in layers if layer.bias is not None]


def _placing() -> Tensor:
    """(16, 64): where each tap of the composed kernel falls, for each of the four outputs.

    Rows are (tap of the second convolution, tap of the first), columns (output, pixel).
    """
    placing = torch.zeros(2, 2, 2, 2, 2, 2, 4, 4)
    for place in torch.cartesian_prod(*[torch.arange(2)] * 6).tolist():
        row2, column2, row1, column1, row, column = place
        placing[*place, row + row2 + row1, column + column2 + column1] = 1
    return placing.view(16, 64)


def _winograd() -> tuple[Tensor, Tensor, Tensor]:
    """The transforms of a 6 x 6 input, of a 3 x 3 kernel and to the 4 x 4 output, flattened.

    The output's rows are ordered (place in its pooling window, window).
    """
    of_input = torch.tensor(
        [
            [4.0, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ]
    )
    of_kernel = torch.tensor(
        [
            [1 / 4, 0, 0],
            [-1 / 6, -1 / 6, -1 / 6],
            [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6],
            [0, 0, 1],
        ]
    )
    to_output = torch.tensor(
        [[1.0, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
    )
    rows = torch.arange(16).view(2, 2, 2, 2).permute(1, 3, 0, 2).flatten()
    return (
        torch.kron(of_input, of_input),
        torch.kron(of_kernel, of_kernel),
        torch.kron(to_output, to_output)[rows],
    )
