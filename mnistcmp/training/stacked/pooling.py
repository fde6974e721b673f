"""Max-pooling of four values that stand in four rows, and the gradient's way back.

The first of equal values is the largest, as in PyTorch's max-pooling. The compiled form notes which
of the four it was, four bytes in place of all four values; PyTorch's compares them again.
"""

import numpy as np
import torch
from torch import Tensor

from mnistcmp.training.stacked.compiled import Array, compiled

ZERO, ONE, TWO, THREE = (np.int32(number) for number in range(4))

_where_above = torch.ops.aten.threshold_backward
"""(gradient, value, threshold): the gradient where the value is above it, else zero."""


def max_of_four(values: Tensor) -> Tensor:
    """(R, 4 x a, b) to (R, a x b)."""
    return _four(values).amax(1)


def grad_max_of_four(gradient: Tensor, values: Tensor) -> Tensor:
    """Hands the gradient (R, a x b) to the largest of the values (R, 4 x a, b), in their shape."""
    first, second, third, fourth = _four(values).unbind(1)
    lead = torch.maximum(third, fourth) - torch.maximum(first, second)
    lower = _where_above(gradient, lead, 0)
    upper = gradient - lower
    to_second = _where_above(upper, second - first, 0)
    to_fourth = _where_above(lower, fourth - third, 0)
    parts = [upper - to_second, to_second, lower - to_fourth, to_fourth]
    return torch.stack(parts, 1).view(values.shape)


def _four(values: Tensor) -> Tensor:
    return values.view(len(values), 4, -1)


@compiled
def compiled_max_of_four(values: Array, largest: Array, which: Array) -> None:
    """The largest of four rows (4, X) at each place, and which it is, (X,)."""
    first, second, third, fourth = values[0], values[1], values[2], values[3]
    for i in range(len(largest)):
        upper = second[i] if second[i] > first[i] else first[i]
        lower = fourth[i] if fourth[i] > third[i] else third[i]
        of_upper = ONE if second[i] > first[i] else ZERO
        of_lower = THREE if fourth[i] > third[i] else TWO
        largest[i] = lower if lower > upper else upper
        which[i] = of_lower if lower > upper else of_upper


@compiled
def compiled_grad_max_of_four(gradient: Array, which: Array, grad_values: Array) -> None:
    """Hands a gradient (X,) to the rows (4, X) that were the largest."""
    zero = gradient.dtype.type(0)
    for row in range(4):
        own, number = grad_values[row], np.int32(row)
        for i in range(len(gradient)):
            own[i] = gradient[i] if which[i] == number else zero
