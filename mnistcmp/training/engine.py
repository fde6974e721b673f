"""What an engine is: the networks of S runs and their optimizer, however they are computed."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mnistcmp.networks.architectures import architecture
from mnistcmp.networks.layers import layer_table
from mnistcmp.networks.outputs import Outputs
from mnistcmp.seeding import Stream, seeded_torch, stream_keys
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run
from mnistcmp.training.dropout import SeededDropout, seed_dropout
from mnistcmp.training.optimizer import recipe_optimizer

CPU = torch.device("cpu")


class Engine(ABC):
    """The networks of S runs of one architecture and recipe, and their optimizer."""

    def __init__(
        self,
        network: nn.Module,
        optimized: Sequence[nn.Parameter],
        recipe: Recipe,
        *,
        parameters: int,
        capturable: bool = False,
    ) -> None:
        """Takes what it trains.

        Args:
            network: One, or all of a stack as one.
            optimized: What the optimizer moves.
            recipe: The runs'.
            parameters: Trainable ones of one run.
            capturable: Whether a GPU can repeat its steps as a recorded graph.
        """
        self.network = network
        self.parameters = parameters
        self.capturable = capturable
        self._optimized = optimized
        self._recipe = recipe
        self._best: dict[str, Tensor] = {}
        self.start_round()

    def start_round(self) -> None:
        """Forgets what the optimizer has gathered; the weights stay."""
        self._optimizer = recipe_optimizer(
            self._optimized, self._recipe, capturable=self.capturable
        )

    def train(self, *, mode: bool) -> None:
        """Says whether dropout drops and batch norm goes by the batch."""
        self.network.train(mode)

    @abstractmethod
    def prepare(self, inputs: Tensor) -> Any:  # noqa: ANN401 - what `forward` takes
        """Inputs (S, N, 2, 14, 14) in the form that the networks read batches from."""

    @abstractmethod
    def start_step(self, step: int | Tensor) -> None:
        """The next outputs are those of a training step, counted from 0."""

    @abstractmethod
    def forward(self, prepared: Any, pairs: Tensor) -> Outputs:  # noqa: ANN401 - see `prepare`
        """Outputs for the pairs at (S, B): (S, 2, B), and (S, 10, B) for each digit."""

    @abstractmethod
    def update(self, losses: Tensor) -> None:
        """Moves each network's weights by the gradient of its loss, of (S,)."""

    @abstractmethod
    def snapshot(self, better: Tensor) -> None:
        """Remembers the weights of the runs where (S,) is true."""

    def restore(self) -> None:
        """Takes the remembered weights of all runs."""
        self.network.load_state_dict(self._best)

    @abstractmethod
    def state(self, run: int) -> dict[str, Tensor]:
        """A run's weights and statistics, by the names in its plain network."""


def build_network(run: Run) -> tuple[nn.Module, list[SeededDropout]]:
    """The run's network before training, on the CPU, and its dropout layers.

    Weights are drawn on the CPU, so that they are the same whatever the device. A custom network
    keeps its dropout layers, which may be used in ways that the seeded ones do not know of: it
    draws from torch's default generator, which starts at the run's seed too.
    """
    entry = architecture(run.architecture)
    with seeded_torch(run.seed, Stream.WEIGHTS, CPU):
        network = entry.build(run.recipe.network)
    if entry.custom:
        return network, []
    uses = {row.name: row.uses for row in layer_table(network)}
    key = stream_keys([run.seed], Stream.DROPOUT, CPU)
    return network, seed_dropout(network, uses, key, run.recipe.batch_size)
