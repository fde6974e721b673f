"""One run, plainly: PyTorch's own layers and optimizer, as most people would write it.

It defines what a result is, and trains what the stacked engine has no layers for. Anything faster
has to agree with it.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn

from mnistcmp.networks.architectures import architecture
from mnistcmp.networks.layers import parameter_count
from mnistcmp.networks.outputs import Outputs
from mnistcmp.study.study import Run
from mnistcmp.training.augmentation import AffineAugmentation
from mnistcmp.training.networks import build_network
from mnistcmp.training.optimizer import RecipeOptimizer


class PlainEngine:
    """A run's network and optimizer, with the interface of `mnistcmp.training.trainer.Engine`."""

    def __init__(
        self, run: Run, device: torch.device, *, channels_last: bool | None = None
    ) -> None:
        """Builds the network.

        Args:
            run: What to train.
            device: Where.
            channels_last: The memory layout of images; it took 24% off a step on a CPU and changes
                results by rounding only. By default, that of the package's networks: an own one
                may take views of its input that need the usual layout.
        """
        if channels_last is None:
            channels_last = not architecture(run.architecture).custom
        network, self._dropouts = build_network(run)
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        self.network = _laid_out(network, self._layout).to(device)
        self._recipe = recipe = run.recipe
        self._augment = (
            AffineAugmentation(run.seed, device) if recipe.augmentation == "affine" else None
        )
        self._blank = torch.zeros((), device=device)
        self._step: int | Tensor = 0
        self._autocast = torch.autocast(
            device.type, torch.bfloat16, enabled=recipe.precision == "bf16"
        )
        self.start_round()
        self.parameters = parameter_count(network)
        self.capturable = False
        self._best: dict[str, Tensor] = {}

    def prepare(self, inputs: Tensor) -> Tensor:
        """(1, N, 2, 14, 14) as the network reads it."""
        # Every image has a background pixel, and none is darker.
        self._blank = inputs.amin()
        return inputs[0].contiguous(memory_format=self._layout)

    def answer(self, prepared: Tensor, pairs: Tensor) -> Outputs:
        """As `Engine.answer`."""
        inputs = prepared[pairs[0]]
        if self._augment is not None and self.network.training:
            inputs = self._augment(inputs, self._step, self._blank)
            inputs = inputs.contiguous(memory_format=self._layout)
        with self._autocast:
            outputs: Outputs = self.network(inputs)
        digits = None
        if outputs.digits is not None:
            digits = _classes_first(outputs.digits[0]), _classes_first(outputs.digits[1])
        return Outputs(_classes_first(outputs.comparison), digits=digits)

    def start_step(self, step: int | Tensor) -> None:
        """As `Engine.start_step`."""
        self._step = step
        for layer in self._dropouts:
            layer.start_step(step)

    def update(self, losses: Tensor) -> None:
        """One step of the optimizer."""
        self._optimizer.zero_grad()
        losses.sum().backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()

    def train(self, mode: bool) -> None:  # noqa: FBT001 - as nn.Module's
        """As `Engine.train`."""
        self.network.train(mode)

    def start_round(self) -> None:
        """As `Engine.start_round`."""
        self._optimizer = RecipeOptimizer(self.network.parameters(), self._recipe)

    def keep(self, better: Tensor) -> None:
        """As `Engine.keep`."""
        if bool(better):
            self._best = deepcopy(self.network.state_dict())

    def restore(self) -> None:
        """As `Engine.restore`."""
        self.network.load_state_dict(self._best)

    def state(self, run: int) -> dict[str, Tensor]:
        """As `Engine.state`."""
        state: dict[str, Tensor] = self.network.state_dict() if run == 0 else {}
        return state


def _classes_first(answers: Tensor) -> Tensor:
    """(N, classes) to (1, classes, N), in the precision that losses are computed in."""
    return answers.to(torch.get_default_dtype()).T[None]


def _laid_out(network: nn.Module, layout: torch.memory_format) -> nn.Module:
    """The network with its convolutions' weights so laid out; torch's stubs lack the argument."""
    return network.to(memory_format=layout)  # type: ignore[call-overload, no-any-return]
