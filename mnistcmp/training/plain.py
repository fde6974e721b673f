"""One run, plainly: PyTorch's own layers and optimizer, as most people would write it.

It defines what a result is, and trains what the stacked engine has no layers for. Anything faster
has to agree with it.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from typing_extensions import override

from mnistcmp.networks.architectures import architecture
from mnistcmp.networks.layers import parameter_count
from mnistcmp.networks.outputs import Outputs
from mnistcmp.study.study import Run
from mnistcmp.training.augmentation import AffineAugmentation
from mnistcmp.training.engine import Engine, build_network


class PlainEngine(Engine):
    """A run's network as it is written."""

    def __init__(
        self, run: Run, device: torch.device, *, channels_last: bool | None = None
    ) -> None:
        """Builds the network.

        Args:
            run: What to train.
            device: Where.
            channels_last: The memory layout of images; it took 24% off a step on a CPU and changes
                results by rounding only. By default, that of the package's networks: a custom one
                may take views of its input that need the usual layout.
        """
        if channels_last is None:
            channels_last = not architecture(run.architecture).custom
        network, self._dropouts = build_network(run)
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        network = _laid_out(network, self._layout).to(device)
        recipe = run.recipe
        super().__init__(
            network, list(network.parameters()), recipe, parameters=parameter_count(network)
        )
        self._augment = (
            AffineAugmentation(run.seed, device) if recipe.augmentation == "affine" else None
        )
        self._blank = torch.zeros((), device=device)
        self._step: int | Tensor = 0
        self._autocast = torch.autocast(
            device.type, torch.bfloat16, enabled=recipe.precision == "bf16"
        )

    @override
    def prepare(self, inputs: Tensor) -> Tensor:
        # Every image has a background pixel, and none is darker.
        self._blank = inputs.amin()
        return inputs[0].contiguous(memory_format=self._layout)

    @override
    def start_step(self, step: int | Tensor) -> None:
        self._step = step
        for layer in self._dropouts:
            layer.start_step(step)

    @override
    def forward(self, prepared: Tensor, pairs: Tensor) -> Outputs:
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

    @override
    def update(self, losses: Tensor) -> None:
        self._optimizer.zero_grad()
        losses.sum().backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()

    @override
    def snapshot(self, better: Tensor) -> None:
        if bool(better):
            self._best = deepcopy(self.network.state_dict())

    @override
    def state(self, run: int) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.network.state_dict() if run == 0 else {}
        return state


def _classes_first(outputs: Tensor) -> Tensor:
    """(N, classes) to (1, classes, N), in the precision that losses are computed in."""
    return outputs.to(torch.get_default_dtype()).T[None]


def _laid_out(network: nn.Module, layout: torch.memory_format) -> nn.Module:
    """The network with its convolutions' weights so laid out; torch's stubs lack the argument."""
    return network.to(memory_format=layout)  # type: ignore[call-overload, no-any-return]
