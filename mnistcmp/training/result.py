"""What a training gives back: plain numbers and NumPy arrays, which travel between machines."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from mnistcmp.study.recipe import Recipe


class Score(NamedTuple):
    """How a network does on a set of pairs."""

    loss: float
    """Mean loss per pair: the comparison's cross-entropy and the weighted auxiliary ones."""
    accuracy: float
    """Share of comparisons answered correctly, 0 to 1."""


class Epoch(NamedTuple):
    """One pass over the training split."""

    train: Score
    """Over the epoch's batches as they were trained on: before each step, with dropout."""
    validation: Score
    """After the epoch, without dropout."""


@dataclass(frozen=True, slots=True, eq=False)
class Epochs(Sequence[Epoch]):
    """A run's epochs, one after the other, as one array: a driver unpacks those of many runs."""

    scores: NDArray[np.float64]
    """(epochs, 4): training loss and accuracy, validation loss and accuracy."""

    @override
    def __len__(self) -> int:
        return len(self.scores)

    @overload
    def __getitem__(self, place: int) -> Epoch: ...
    @overload
    def __getitem__(self, place: slice) -> "Epochs": ...
    @override
    def __getitem__(self, place: int | slice) -> "Epoch | Epochs":
        if isinstance(place, slice):
            return Epochs(self.scores[place])
        train_loss, train_accuracy, *validation = self.scores[place].tolist()
        return Epoch(Score(train_loss, train_accuracy), Score(*validation))

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Epochs) and np.array_equal(self.scores, other.scores)

    @override
    def __hash__(self) -> int:
        return hash(self.scores.tobytes())


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
    """Over all pixels of the seed's training pairs, 0 to 1; it is taken from every pixel."""
    deviation: float
    """Of the same pixels, divisor n - 1; every pixel is divided by it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """A training on one draw of pairs."""

    best_epoch: int
    """Counted from 1, on through the rounds: of the round's best validation accuracy, the latest
    where several tie; or the last, where the recipe says so."""
    test: Score | None
    """With the weights of the best epoch; None in a search, which sees no test pair."""
    predictions: Predictions | None
    """For the test pairs, where there are some."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingResult:
    """All that is known of a run when it ends."""

    parameters: int
    epochs: Epochs
    """Of all rounds."""
    rounds: tuple[Round, ...]
    """One, unless the recipe asks for more; none of a run that diverged."""
    device: str
    """`cpu`, or the GPU's name."""
    seconds: float
    """Wall time of drawing the pairs, building, training and testing; its share of a stack's."""
    weights: Weights | None = None
    """Those of the last round's best epoch, where they were asked for."""
    diverged_epoch: int | None = None
    """The epoch, counted from 1, whose loss was no longer finite: the training ended with it. There
    are the epochs before it, and neither rounds nor weights."""

    @property
    def best_epoch(self) -> int:
        """The last round's."""
        return self.rounds[-1].best_epoch

    @property
    def best(self) -> Epoch:
        """Scores of the best epoch; of several rounds the means."""
        epochs = [self.epochs[part.best_epoch - 1] for part in self.rounds]
        return Epoch(*(_mean(scores) for scores in zip(*epochs, strict=True)))

    @property
    def tested(self) -> bool:
        """Whether there are test scores and predictions: searches and diverged runs have none."""
        return any(part.test is not None for part in self.rounds)

    @property
    def test(self) -> Score:
        """Scores on the test pairs, where tested; of several rounds the means."""
        return _mean([part.test for part in self.rounds if part.test is not None])

    @property
    def predictions(self) -> Predictions:
        """For the test pairs of all rounds, one after the other, where tested."""
        parts = [part.predictions for part in self.rounds if part.predictions is not None]
        named = [part.predicted_digits for part in parts if part.predicted_digits is not None]
        return Predictions(
            sources=np.concatenate([part.sources for part in parts]),
            digits=np.concatenate([part.digits for part in parts]),
            labels=np.concatenate([part.labels for part in parts]),
            probabilities=np.concatenate([part.probabilities for part in parts]),
            predicted=np.concatenate([part.predicted for part in parts]),
            predicted_digits=np.concatenate(named) if named else None,
        )


def scores_so_far(
    epochs: NDArray[np.float64], diverged: Sequence[int | None], recipe: Recipe
) -> list[float]:
    """The scores of S runs by their first epochs, 0 to 1; 0 of one that diverged in them.

    A score is the validation accuracy of the epoch that would be tested, if its round ended now: of
    the best one, or of the last where the recipe says so; the mean over the rounds that have begun.

    Args:
        epochs: (epochs, S, 4), of each run as `Epochs` has them.
        diverged: The epoch in which each run diverged.
        recipe: The runs'.
    """
    rounds = np.split(epochs[:, :, 3], range(recipe.epochs, len(epochs), recipe.epochs))
    last = recipe.tested_epoch == "last"
    scores = np.mean([part[-1] if last else part.max(axis=0) for part in rounds], axis=0)
    return [
        0.0 if epoch is not None and epoch <= len(epochs) else float(score)
        for score, epoch in zip(scores, diverged, strict=True)
    ]


def _mean(scores: Sequence[Score]) -> Score:
    return Score(*(fmean(values) for values in zip(*scores, strict=True)))
