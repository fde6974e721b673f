"""What every network returns, and where a softmax stands in it."""

from typing import Literal, NamedTuple

from torch import Tensor

SoftmaxPlacement = Literal["before-head", "everywhere", "nowhere"]
"""See `mnistcmp.study.Recipe.softmax`."""


class Outputs(NamedTuple):
    """A network's answers to N pairs, as cross-entropy takes them."""

    comparison: Tensor
    """(N, 2): second column, the first digit is less than or equal to the second."""

    digits: tuple[Tensor, Tensor] | None = None
    """(N, 10) for the first and for the second image, where the network has a branch for each."""
