"""What a training gives back: plain numbers and NumPy arrays, which travel between machines."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """How a network does on a set of pairs."""

    loss: float
    """Mean loss per pair: the comparison's cross-entropy and the weighted auxiliary ones."""
    accuracy: float
    """Share of comparisons answered correctly, 0 to 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """One pass over the training split."""

    train: Score
    """Over the epoch's batches as they were trained on: before each step, with dropout."""
    validation: Score
    """After the epoch, without dropout."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Predictions:
    """A network's answer to each of N test pairs, and where the pair came from."""

    sources: NDArray[np.int64]
    """(N, 2): positions in MNIST's test images."""
    digits: NDArray[np.int64]
    """(N, 2): true digits."""
    labels: NDArray[np.int64]
    """(N,): 1 where the first digit is less than or equal to the second."""
    probabilities: NDArray[np.float32]
    """(N,): predicted probability of label 1."""
    predicted: NDArray[np.int64]
    """(N,): predicted label, the more probable one; 0 where both are equally probable."""
    predicted_digits: NDArray[np.int64] | None
    """(N, 2): named by branches trained with the auxiliary loss, else None."""

    @property
    def digit_accuracy(self) -> float | None:
        """Share of the 2 N digits named correctly, 0 to 1."""
        if self.predicted_digits is None:
            return None
        return float((self.predicted_digits == self.digits).mean())


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """What it takes to use a trained network: its tensors, and how its inputs are standardised."""

    tensors: dict[str, NDArray[np.generic]]
    """Parameters and batch norm's statistics, as the network's `state_dict` names them."""
    mean: float
    """Over all pixels of the seed's training pairs, which are 0 to 1; taken from every pixel."""
    deviation: float
    """Of the same pixels, divisor n - 1; every pixel is divided by it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingResult:
    """All that is known of a run when it ends."""

    parameters: int
    epochs: tuple[Epoch, ...]
    best_epoch: int
    """Counted from 1: of the best validation accuracy, the latest where several tie."""
    test: Score
    """With the weights of the best epoch."""
    predictions: Predictions
    device: str
    """`cpu`, or the GPU's name."""
    seconds: float
    """Wall time of the training and testing, drawing the pairs included; its share of a stack's."""
    weights: Weights | None = None
    """Of the best epoch, where they were asked for."""
