"""Max-pooling of four answers that stand in four rows, and back."""

import numpy as np

from mnistcmp.training.stacked.loops.compiled import Array, compiled

ZERO, ONE, TWO, THREE = (np.int32(number) for number in range(4))


@compiled
def largest_of_four(values: Array, largest: Array, which: Array) -> None:
    """The largest of four rows (4, X) at each place, and which it is, (X,).

    The first of equal ones is it, as in PyTorch's max-pooling.
    """
    first, second, third, fourth = values[0], values[1], values[2], values[3]
    for i in range(len(largest)):
        upper = second[i] if second[i] > first[i] else first[i]
        lower = fourth[i] if fourth[i] > third[i] else third[i]
        of_upper = ONE if second[i] > first[i] else ZERO
        of_lower = THREE if fourth[i] > third[i] else TWO
        largest[i] = lower if lower > upper else upper
        which[i] = of_lower if lower > upper else of_upper


@compiled
def to_largest(gradient: Array, which: Array, result: Array) -> None:
    """Hands a gradient (X,) to the rows (4, X) that were the largest."""
    zero = gradient.dtype.type(0)
    for row in range(4):
        own, number = result[row], np.int32(row)
        for i in range(len(gradient)):
            own[i] = gradient[i] if which[i] == number else zero
