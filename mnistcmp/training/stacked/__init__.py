"""Many runs trained as one network."""

from mnistcmp.training.stacked.engine import StackedEngine as StackedEngine
from mnistcmp.training.stacked.network import NotStackableError as NotStackableError
