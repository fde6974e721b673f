"""A network's layers as rows of a table."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerRow:
    """One layer, in the order in which a pair meets it first."""

    name: str
    layer: str
    output_shape: tuple[int, ...]
    """Without the leading batch dimension."""
    parameters: int
    uses: int
    """How often one pass applies the layer: twice in a shared branch."""


def parameter_count(network: nn.Module) -> int:
    """Trainable parameters, a shared one counted once."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def layer_table(network: nn.Module) -> list[LayerRow]:
    """Runs one blank pair through the network and notes every layer that it meets."""
    met: dict[str, tuple[nn.Module, tuple[int, ...], int]] = {}

    def note(name: str) -> None:
        def hook(layer: nn.Module, _inputs: tuple[Tensor, ...], output: object) -> None:
            uses = met[name][2] if name in met else 0
            # Recurrent layers and attention give several tensors, of which the first is the answer.
            while isinstance(output, tuple) and output:
                output = output[0]
            shape = tuple(output.shape[1:]) if isinstance(output, Tensor) else ()
            met[name] = (layer, shape, uses + 1)

        hooks.append(network.get_submodule(name).register_forward_hook(hook))

    hooks: list[torch.utils.hooks.RemovableHandle] = []
    for name, module in network.named_modules():
        if not any(module.children()):
            note(name)
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        network(torch.zeros(1, 2, 14, 14))
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    return [
        LayerRow(
            name=name,
            layer=repr(layer),
            output_shape=shape,
            parameters=parameter_count(layer),
            uses=uses,
        )
        for name, (layer, shape, uses) in met.items()
    ]
