"""Where a softmax stands in a network. A module of its own, which imports nothing."""

from typing import Literal

SoftmaxPlacement = Literal["before-head", "everywhere", "nowhere"]
"""See `mnistcmp.study.Recipe.softmax`."""
