"""Max-pooling of four values that stand in four rows, and the gradient's way back.

The first of equal values is the largest, as in PyTorch's max-pooling. Both forms note which of the
four it was for the way back.
"""

import numpy as np
from torch import Tensor

from mnistcmp.training.stacked.compiled import Array, compiled

ZERO, ONE, TWO, THREE = (np.int32(number) for number in range(4))


def max_of_four(values: Tensor) -> Tensor:
    """(R, 4 x a, b) to (R, a x b)."""
    return values.view(len(values), 4, -1).max(1).values


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
