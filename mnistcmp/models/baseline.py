"""The baseline: the pair as one image of two channels."""

from torch import Tensor, nn

from mnistcmp.models.branch import branch
from mnistcmp.models.outputs import Outputs
from mnistcmp.softmax import SoftmaxPlacement


class Baseline(nn.Module):
    """One branch that sees both images at once and answers the comparison."""

    def __init__(self, softmax: SoftmaxPlacement, *, regularised: bool = True) -> None:
        super().__init__()
        self.branch = branch(channels=2, outputs=2, regularised=regularised)
        self.softmax = softmax

    def forward(self, pairs: Tensor) -> Outputs:
        """Answers to pairs (N, 2, 14, 14)."""
        comparison: Tensor = self.branch(pairs)
        if self.softmax == "everywhere":
            comparison = comparison.softmax(dim=1)
        return Outputs(comparison)
