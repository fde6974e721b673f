"""Numba, as the loops use it."""

from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor

numba: Any
try:
    import numba
except ImportError:
    # The trainer also works where there is torch and little else.
    numba = None

Array = Any
"""Of NumPy; Numba compiles a function for the types that it is called with."""
Number = Any
"""Of an array."""
Function = TypeVar("Function", bound=Callable[..., Any])


def usable(tensor: Tensor) -> bool:
    """Whether loops can be used on a tensor's memory."""
    return numba is not None and tensor.device.type == "cpu"


def compiled(function: Function) -> Function:
    """As machine code, kept on disk for the next process where some folder can be written.

    Sums may be made in another order than written, as registers of several numbers need it.
    """
    if numba is None:
        return function
    options: dict[str, Any] = {"fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)  # type: ignore[no-any-return]
    except RuntimeError:
        return numba.njit(**options)(function)  # type: ignore[no-any-return]
