"""What every network returns."""

from typing import NamedTuple

from torch import Tensor


class Outputs(NamedTuple):
    """A network's answers to N pairs, as cross-entropy takes them."""

    comparison: Tensor
    """(N, 2): second column, the first digit is less than or equal to the second."""

    digits: tuple[Tensor, Tensor] | None = None
    """(N, 10) for the first and for the second image, where the network has a branch for each."""
