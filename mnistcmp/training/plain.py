"""One run, plainly: PyTorch's own layers and optimizer, as most people would write it.

It defines what a result is, and trains what the stacked engine has no layers for. Anything faster
has to agree with it.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from typing_extensions import override

from mnistcmp.networks.architectures import architecture
from mnistcmp.networks.layers import layer_table, parameter_count
from mnistcmp.networks.outputs import Outputs
from mnistcmp.seeding import Stream, seeded_torch, stream_keys
from mnistcmp.study.study import Run
from mnistcmp.training.augmentation import AffineAugmentation
from mnistcmp.training.dropout import SeededDropout
from mnistcmp.training.engine import Engine

CPU = torch.device("cpu")


class PlainEngine(Engine):
    """A run's network as it is written."""

    def __init__(self, run: Run, device: torch.device) -> None:
        network = build_network(run)
        self._dropouts = [m for m in network.modules() if isinstance(m, SeededDropout)]
        # It took 24% off a step on a CPU, and changes results by rounding only. But a custom
        # network may take views of its input that need the usual layout.
        custom = architecture(run.architecture).custom
        self._layout = torch.contiguous_format if custom else torch.channels_last
        network = network.to(memory_format=self._layout)  # type: ignore[call-overload] # in no stub
        network = network.to(device)
        parameters, recipe = list(network.parameters()), run.recipe
        super().__init__([run], network, parameters, parameters=parameter_count(network))
        augmented = recipe.augmentation == "affine"
        self._augment = AffineAugmentation(run.seed, device) if augmented else None
        self._blank = torch.zeros((), device=device)
        self._step = 0
        self._autocast = torch.autocast(
            device.type, torch.bfloat16, enabled=recipe.precision == "bf16"
        )

    @override
    def prepare(self, inputs: Tensor) -> Tensor:
        # Every image has a background pixel, and none is darker.
        self._blank = inputs.amin()
        return inputs[0].contiguous(memory_format=self._layout)

    @override
    def start_step(self, step: int) -> None:
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
        return dict(self.network.state_dict()) if run == 0 else {}


def _classes_first(outputs: Tensor) -> Tensor:
    """(N, classes) to (1, classes, N), in the precision that losses are computed in."""
    return outputs.to(torch.get_default_dtype()).T[None]


def build_network(run: Run) -> nn.Module:
    """The run's network before training, on the CPU, where weights are drawn for any device.

    Its dropout layers are seeded ones. A custom network keeps its own, which may be used in ways
    that those do not know of: it draws from torch's default generator, which starts at the run's
    seed too.
    """
    entry = architecture(run.architecture)
    with seeded_torch(run.seed, Stream.WEIGHTS, CPU):
        network = entry.build(run.recipe.network)
    if entry.custom:
        return network
    key, batch_size = stream_keys([run.seed], Stream.DROPOUT, CPU), run.recipe.batch_size
    uses = {row.name: row.uses for row in layer_table(network)}
    found = [(n, layer.p) for n, layer in network.named_modules() if type(layer) is nn.Dropout]
    for site, (name, rate) in enumerate(found):
        seeded = SeededDropout(rate, key=key, site=site, uses=uses[name], batch_size=batch_size)
        network.set_submodule(name, seeded)
    return network
