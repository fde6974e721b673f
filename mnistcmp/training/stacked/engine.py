"""The stacked engine: S runs of one architecture and recipe, one step of all at a time."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mnistcmp.networks.layers import parameter_count
from mnistcmp.networks.outputs import Outputs
from mnistcmp.study.study import Run
from mnistcmp.training.networks import build_network
from mnistcmp.training.optimizer import RecipeOptimizer
from mnistcmp.training.stacked.network import StackedNetwork
from mnistcmp.training.stacked.patches import PatchTable

PADDING = 64


class StackedEngine:
    """A stack's network and optimizer, with the interface of `mnistcmp.training.trainer.Engine`."""

    def __init__(self, runs: Sequence[Run], device: torch.device) -> None:
        """Stacks the runs' networks, which `is_stackable` has said it can."""
        self._recipe = recipe = runs[0].recipe
        networks = [build_network(run)[0] for run in runs]
        self.parameters = parameter_count(networks[0])
        self.network = StackedNetwork(networks).to(device)
        self._parameters = list(self.network.parameters())
        self._flat, self._gradients = _flatten(self._parameters)
        # A recorded graph would go on with the learning rate that it was recorded with.
        self.capturable = device.type == "cuda" and recipe.schedule == "constant"
        self.start_round()
        state = self.network.state_dict()
        self._best = {name: value.clone() for name, value in state.items()}

    def prepare(self, inputs: Tensor) -> PatchTable:
        """(S, N, 2, 14, 14) as windows."""
        return PatchTable(inputs, rows_per_run=self.network.rows_per_run, uses=self.network.uses)

    def answer(self, prepared: PatchTable, pairs: Tensor) -> Outputs:
        """As `Engine.answer`."""
        return self.network(prepared.batch(pairs))  # type: ignore[no-any-return]

    def start_step(self, step: int | Tensor) -> None:
        """As `Engine.start_step`."""
        self.network.start_step(step)

    def update(self, losses: Tensor) -> None:
        """One step of the optimizer for all runs; a sum's gradient is each run's own."""
        gradients = torch.autograd.grad(losses.sum(), self._parameters)
        for place, gradient in zip(self._gradients, gradients, strict=True):
            # Layers with many weights have put it there themselves.
            if gradient.data_ptr() != place.data_ptr():
                place.copy_(gradient)
        self._optimizer.step()

    def train(self, mode: bool) -> None:  # noqa: FBT001 - as nn.Module's
        """As `Engine.train`."""
        self.network.train(mode)

    def start_round(self) -> None:
        """As `Engine.start_round`."""
        self._optimizer = RecipeOptimizer([self._flat], self._recipe, capturable=self.capturable)

    def keep(self, better: Tensor) -> None:
        """As `Engine.keep`."""
        for name, value in self.network.state_dict().items():
            of_row = better.repeat_interleave(len(value) // len(better))
            where = of_row.view(-1, *[1] * (value.dim() - 1))
            torch.where(where, value, self._best[name], out=self._best[name])

    def restore(self) -> None:
        """As `Engine.restore`."""
        self.network.load_state_dict(self._best)

    def state(self, run: int) -> dict[str, Tensor]:
        """As `Engine.state`."""
        return {name: value.detach() for name, value in self.network.plain(run).items()}


def _flatten(parameters: Sequence[nn.Parameter]) -> tuple[nn.Parameter, list[Tensor]]:
    """One vector of all parameters and one of their gradients: one optimizer step instead of many.

    Adam treats each number by itself, so that makes no difference. But the last few numbers of a
    vector, those that do not fill the processor's registers, are rounded in another way. Zeros at
    the end keep the runs' results from depending on where in a stack they are.

    Returns:
        The vector; and for each parameter, which is now a view of it, its place in the gradient.
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
