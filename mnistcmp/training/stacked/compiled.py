"""Numba, which compiles what PyTorch would do in several passes over memory into one loop.

Half of a step was what is no product of matrices: each operation of PyTorch is a pass over memory
and a call from Python. The loops of this folder stand beside the PyTorch form of the same
operation, which is what GPUs run, and processors where Numba is missing.

A loop works on a processor's tensors as NumPy arrays, of float32 or float64, each segment of
numbers by itself, so that its result depends on no other. What looks odd in loops is for speed: a
comparison for max(), which has to think of NaN and is not made into vector instructions (10 times
as long); constants of NumPy types that make no number longer; indices without a sign to test.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor

numba: Any
try:
    import numba
except ImportError:
    # Training also works where there is torch and little else.
    numba = None

Array = Any
"""An array of NumPy; Numba compiles a function for the types that it is called with."""
Number = Any
"""A number in an array."""
Loop = Callable[..., Any]


def use_compiled(tensor: Tensor) -> bool:
    """Whether loops can work on a tensor's memory."""
    return numba is not None and tensor.device.type == "cpu"


def compiled(function: Loop) -> Loop:
    """The function as machine code, kept on disk for the next process where that can be written.

    Sums may be made in another order than written, as registers of several numbers need it.
    """
    if numba is None:
        return function
    options: dict[str, Any] = {"fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy"}
    try:
        loop: Loop = numba.njit(cache=True, **options)(function)
    except RuntimeError:
        loop = numba.njit(**options)(function)
    return loop
