"""What every network returns, and what a custom network returns in that form."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy


class Outputs(NamedTuple):
    """What a network returns for N pairs, as cross-entropy takes it."""

    comparison: Tensor
    """(N, 2): second column, the first digit is less than or equal to the second."""

    digits: tuple[Tensor, Tensor] | None = None
    """(N, 10) for the first and for the second image, where the network has a branch for each."""


class OutputsError(Exception):
    """What a network returned is neither logits nor logits and two digits' outputs."""


def returning_outputs(network: nn.Module) -> nn.Module:
    """The same network, whose calls return `Outputs`; its parameters keep their names.

    Lazy layers are given their shapes, and draw their weights, here.
    """
    network.register_forward_hook(lambda _network, _inputs, answer: as_outputs(answer))
    if any(is_lazy(parameter) for parameter in network.parameters()):
        with torch.no_grad():
            network.eval()(torch.zeros(1, 2, 14, 14))
        network.train()
    return network


def as_outputs(answer: Any) -> Outputs:  # noqa: ANN401 - whatever a network returns
    """Logits, or logits and two digits' outputs: `(logits, first, second)`, with brackets or not.

    Raises:
        OutputsError: It is neither.
    """
    match answer:
        case Outputs():
            return answer
        case (comparison, (first, second)) | (comparison, first, second):
            return Outputs(comparison, digits=(first, second))
        case tuple() | list() | dict() | None:
            size = "" if answer is None else f" of {len(answer)}"
            raise OutputsError(f"{type(answer).__name__}{size}")
    return Outputs(answer)
