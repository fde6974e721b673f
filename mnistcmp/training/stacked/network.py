"""A stack: the networks of several runs of one architecture and recipe as one network."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import Tensor, nn

from mnistcmp.networks.outputs import Outputs
from mnistcmp.networks.report import Baseline, Siamese
from mnistcmp.training.dropout import SeededDropout, StackedDropout
from mnistcmp.training.stacked.composed_conv import ComposedConvs
from mnistcmp.training.stacked.layer import (
    BY_CHANNEL,
    BY_POSITION,
    StackedLayer,
    StackedLinear,
    StackedMap,
)
from mnistcmp.training.stacked.norm import StackedBatchNorm, StackedBlock
from mnistcmp.training.stacked.winograd import WinogradConv


class StackedNetwork(nn.Module):
    """S networks of one kind; made of them, and taken apart into their state again."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        """Takes over the networks' weights and dropout layers.

        Raises:
            NotImplementedError: A layer has no stacked form, so `is_stackable` is wrong.
        """
        super().__init__()
        first = networks[0]
        if type(first) is Baseline:
            self._prefixes, self.uses = ["branch"], 1
        elif type(first) is Siamese:
            self._prefixes = [f"branches.{number}" for number in range(len(first.branches))]
            self.uses = 2 // len(self._prefixes)
        else:
            raise NotImplementedError(f"{type(first).__name__} is not one of the report's")
        self.rows_per_run = len(self._prefixes)
        # How branches and head go together stands in the plain network alone. As a method, it does
        # not become a part of this one.
        self._combine: Callable[..., Outputs] = first.combine
        branches = [n.get_submodule(prefix) for n in networks for prefix in self._prefixes]
        heads = [n.get_submodule("head") for n in networks] if type(first) is Siamese else []
        self.branch = nn.Sequential(*_joined(list(_stacked_layers(branches))))
        self.head = nn.Sequential(*_joined(list(_stacked_layers(heads))))
        # Not registered a second time: a tuple is no module.
        self._dropouts = tuple(m for m in self.modules() if isinstance(m, StackedDropout))

    def forward(self, windows: Tensor) -> Outputs:
        """Windows (S x rows_per_run, uses, 36, B, pixels) to (S, 2, B), and (S, 10, B) an image."""
        outputs = self.branch(windows).squeeze(3)  # (R, outputs, uses, B)
        if not len(self.head):
            return self._combine(outputs.squeeze(2))
        # One image of a pair is in another row, or the second use of the same.
        rows = outputs.unflatten(0, (-1, self.rows_per_run)).transpose(1, 2).flatten(2, 3)
        read = rows[:, :, 0], rows[:, :, 1]
        return self._combine(read, lambda both: self.head(both[:, :, None, None])[:, :, 0, 0])

    def plain(self, run: int) -> dict[str, Tensor]:
        """The parameters and running statistics of one run, as its plain network names them."""
        state: dict[str, Tensor] = {}
        for number, prefix in enumerate(self._prefixes):
            row = run * self.rows_per_run + number
            state |= _plain(self.branch, row, prefix)
        return state | _plain(self.head, run, "head")

    def start_step(self, step: int) -> None:
        """From here on, the dropout masks of another step."""
        for dropout in self._dropouts:
            dropout.start_step(step)


def _plain(layers: nn.Module, row: int, prefix: str) -> dict[str, Tensor]:
    """One row's parameters and running statistics, by its plain layers' names."""
    stacked = [layer for layer in layers.modules() if isinstance(layer, StackedLayer)]
    return {f"{prefix}.{name}": v for layer in stacked for name, v in layer.plain(row).items()}


def _stacked_layers(rows: Sequence[nn.Module]) -> Iterator[nn.Module]:
    """A stacked layer for each plain one, or for several in a row that it stands for together."""
    names = [name for name, _ in rows[0].named_children()] if rows else []
    plain = [rows[0].get_submodule(name) for name in names]
    columns: list[Any] = [[row.get_submodule(name) for row in rows] for name in names]
    at = values = 0
    while at < len(plain):
        name, column, taken = names[at], columns[at], 1
        match plain[at:]:
            case [
                nn.Conv2d(kernel_size=(2, 2)),
                nn.Conv2d(kernel_size=(2, 2), out_channels=channels),
                nn.MaxPool2d(kernel_size=2),
                *_,
            ] if at == 0:
                yield ComposedConvs((name, names[1]), column, columns[1])
                values, taken = channels * 6 * 6, 3
            case [
                nn.Conv2d(kernel_size=(3, 3), in_channels=inputs, out_channels=channels),
                nn.MaxPool2d(kernel_size=2),
                *_,
            ] if values == inputs * 6 * 6:
                yield WinogradConv(name, column)
                values, taken = channels * 2 * 2, 2
            case [nn.Linear(out_features=values), *_]:
                yield StackedLinear(name, column)
            case [nn.Flatten(), *_]:
                pass  # a linear layer reads all positions
            case [nn.BatchNorm1d() | nn.BatchNorm2d(), *_]:
                yield StackedBatchNorm(name, column)
            case [SeededDropout(), *_]:
                yield StackedDropout(column, values)
            case [nn.ReLU() | nn.Tanh() as activation, *_]:
                yield activation
            case [layer, *_]:
                raise NotImplementedError(f"no stacked layer stands for {name}: {layer}")
        at += taken


def _joined(layers: Sequence[nn.Module]) -> Iterator[nn.Module]:
    """The layers, those put together that can be done in one pass over memory."""
    at = 0
    while at < len(layers):
        first, *left = layers[at:]
        dropout = left[0] if left and isinstance(left[0], StackedDropout) else None
        match left if dropout is None else left[1:]:
            case [nn.ReLU(), StackedBatchNorm() as norm, *left] if isinstance(first, StackedMap):
                order = BY_POSITION if left and isinstance(left[0], WinogradConv) else BY_CHANNEL
                yield StackedBlock(first, dropout, norm, order)
                at = len(layers) - len(left)
            case _:
                yield first
                at += 1
