"""What a recipe says of a network: read by recipes and by networks."""

from dataclasses import dataclass
from typing import Literal

SoftmaxPlacement = Literal["before-head", "everywhere", "nowhere", "branches-only", "head-only"]
Activation = Literal["relu", "tanh"]
BatchNormPlacement = Literal["after", "before", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkOptions:
    """The fields of a recipe that shape a network, as `mnistcmp.study.Recipe` describes them."""

    softmax: SoftmaxPlacement
    activation: Activation
    batch_norm: BatchNormPlacement
    branch_dropout: tuple[float, float]
    head_dropout: tuple[float, float]
    conv_dropout: float

    @property
    def is_plain(self) -> bool:
        """Whether the baseline has neither dropout nor batch norm."""
        return self.batch_norm == "none" and not any((*self.branch_dropout, self.conv_dropout))

    @property
    def branches_end_in_softmax(self) -> bool:
        """Whether the auxiliary losses' cross-entropy gets probabilities, not logits."""
        return self.softmax in {"everywhere", "branches-only"}

    @property
    def head_reads_softmax(self) -> bool:
        """Whether the head compares probabilities, not logits."""
        return self.softmax in {"before-head", "everywhere", "branches-only"}

    @property
    def head_ends_in_softmax(self) -> bool:
        """Whether the comparison's cross-entropy gets probabilities; the baseline's too."""
        return self.softmax in {"everywhere", "head-only"}
