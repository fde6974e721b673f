"""A network's layers as rows of a table."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook


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
    names = {layer: name for name, layer in network.named_modules() if not any(layer.children())}
    met: dict[nn.Module, list[object]] = {}

    def note(layer: nn.Module, _inputs: object, output: object) -> None:
        if layer in names:
            met.setdefault(layer, []).append(output)

    was_training = network.training
    with register_module_forward_hook(note), torch.inference_mode():
        network.eval()(torch.zeros(1, 2, 14, 14))
    network.train(was_training)
    return [
        LayerRow(
            name=names[layer],
            layer=repr(layer),
            output_shape=_shape(outputs[-1]),
            parameters=parameter_count(layer),
            uses=len(outputs),
        )
        for layer, outputs in met.items()
    ]


def _shape(output: object) -> tuple[int, ...]:
    # Recurrent layers and attention give several tensors, of which the first is the answer.
    while isinstance(output, tuple) and output:
        output = output[0]
    return tuple(output.shape[1:]) if isinstance(output, Tensor) else ()
