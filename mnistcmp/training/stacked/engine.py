"""The stacked engine: S runs of one architecture and recipe, one step of all at a time."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from typing_extensions import override

from mnistcmp.networks.layers import parameter_count
from mnistcmp.networks.outputs import Outputs
from mnistcmp.study.study import Run
from mnistcmp.training.engine import Engine
from mnistcmp.training.plain import build_network
from mnistcmp.training.stacked.network import StackedNetwork
from mnistcmp.training.stacked.windows import WindowTable

PADDING = 64


class StackedEngine(Engine):
    """Runs that `is_stackable` as one network with one optimizer."""

    network: StackedNetwork

    def __init__(self, runs: Sequence[Run], device: torch.device) -> None:
        networks = [build_network(run) for run in runs]
        network = StackedNetwork(networks).to(device)
        self._parameters = list(network.parameters())
        flat, self._gradients = _flatten(self._parameters)
        super().__init__(runs, network, [flat], parameters=parameter_count(networks[0]))
        self._best = {name: value.clone() for name, value in network.state_dict().items()}

    @override
    def prepare(self, inputs: Tensor) -> WindowTable:
        return WindowTable(inputs, rows_per_run=self.network.rows_per_run, uses=self.network.uses)

    @override
    def start_step(self, step: int) -> None:
        self.network.start_step(step)

    @override
    def forward(self, prepared: WindowTable, pairs: Tensor) -> Outputs:
        return self.network(prepared.batch(pairs))  # type: ignore[no-any-return]

    @override
    def update(self, losses: Tensor) -> None:
        # The gradient of the sum is each run's own.
        gradients = torch.autograd.grad(losses.sum(), self._parameters)
        for place, gradient in zip(self._gradients, gradients, strict=True):
            # Layers with many weights have put it there themselves.
            if gradient.data_ptr() != place.data_ptr():
                place.copy_(gradient)
        self._optimizer.step()

    @override
    def snapshot(self, better: Tensor) -> None:
        for name, value in self.network.state_dict().items():
            of_row = better.repeat_interleave(len(value) // len(better))
            where = of_row.view(-1, *[1] * (value.dim() - 1))
            torch.where(where, value, self._best[name], out=self._best[name])

    @override
    def state(self, run: int) -> dict[str, Tensor]:
        return {name: value.detach() for name, value in self.network.plain(run).items()}


def _flatten(parameters: Sequence[nn.Parameter]) -> tuple[nn.Parameter, list[Tensor]]:
    """One vector of all parameters and one of their gradients: one optimizer step instead of many.

    Adam treats each number by itself, so that makes no difference. But the last few numbers of a
    vector, those that do not fill the processor's registers, are rounded in another way. Zeros at
    the end keep the runs' results from depending on where in a stack they are. Parameters become
    views of the vector; given back too is each one's place in the gradient.
    """
    lengths = [parameter.numel() for parameter in parameters]
    padding = parameters[0].new_zeros(PADDING - sum(lengths) % PADDING)
    flat = nn.Parameter(torch.cat([*(p.detach().flatten() for p in parameters), padding]))
    flat.grad = torch.zeros_like(flat)
    gradients = []
    start = 0
    for parameter, length in zip(parameters, lengths, strict=True):
        parameter.data = flat.detach()[start : start + length].view(parameter.shape)
        parameter.grad = flat.grad[start : start + length].view(parameter.shape)
        gradients.append(parameter.grad)
        start += length
    return flat, gradients
