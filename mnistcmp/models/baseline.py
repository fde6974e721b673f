"""The baseline: the pair as one image of two channels."""

from torch import Tensor, nn

from mnistcmp.models.branch import branch
from mnistcmp.models.outputs import Outputs
from mnistcmp.network import NetworkOptions


class Baseline(nn.Module):
    """One branch that sees both images at once and answers the comparison."""

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        self.branch = branch(channels=2, outputs=2, options=options)
        self.options = options

    def forward(self, pairs: Tensor) -> Outputs:
        """Answers to pairs (N, 2, 14, 14)."""
        return self.answer(self.branch(pairs))

    def answer(self, comparison: Tensor) -> Outputs:
        """From the branch's outputs, (N, 2)."""
        if self.options.head_ends_in_softmax:
            comparison = comparison.softmax(dim=1)
        return Outputs(comparison)
