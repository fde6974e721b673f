"""The pairs that a seed draws, their split, and their standardisation."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistcmp.data.mnist import Digits, Mnist
from mnistcmp.seeding import Stream, numpy_generator
from mnistcmp.study.recipe import Recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """N pairs of digits, ready for a network."""

    inputs: Tensor
    """(N, 2, 14, 14), float32, standardised."""
    labels: Tensor
    """(N,), int64: 1 where the first digit is less than or equal to the second."""
    digits: Tensor
    """(N, 2), int64: 0 to 9."""
    sources: NDArray[np.int64]
    """(N, 2): where each image stands in MNIST's training or test images, to find it again."""

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, chosen: NDArray[np.int64]) -> Self:
        """The pairs at these positions, in their order."""
        where = torch.from_numpy(chosen)
        inputs, labels, digits = (part[where] for part in (self.inputs, self.labels, self.digits))
        return type(self)(inputs=inputs, labels=labels, digits=digits, sources=self.sources[chosen])


@dataclass(frozen=True, kw_only=True, slots=True)
class PairSets:
    """What one seed trains on, chooses its weights by, and is tested on."""

    train: Pairs
    validation: Pairs
    test: Pairs
    mean: float
    """By which all three are standardised: over the pixels, 0 to 1, of the training pairs."""
    deviation: float


def draw_pair_sets(mnist: Mnist, seed: int, recipe: Recipe, *, number: int = 0) -> PairSets:
    """The seed's pair sets in the round of that number, from 0: the same for every architecture.

    Images are drawn without replacement. All sets are standardised with the mean and standard
    deviation over all pixels of the training pairs before the split, as in the report.
    """
    training = _draw(mnist.train, recipe.train_pairs, seed, Stream.TRAIN_PAIRS, number)
    test = _draw(mnist.test, recipe.test_pairs, seed, Stream.TEST_PAIRS, number)
    deviation, mean = torch.std_mean(training.inputs)
    for pairs in (training, test):
        pairs.inputs.sub_(mean).div_(deviation)
    shuffled = numpy_generator(seed, Stream.SPLIT, number).permutation(recipe.train_pairs)
    return PairSets(
        train=training.subset(shuffled[: recipe.split_size]),
        validation=training.subset(shuffled[recipe.split_size :]),
        test=test,
        mean=float(mean),
        deviation=float(deviation),
    )


def _draw(source: Digits, count: int, seed: int, stream: Stream, number: int) -> Pairs:
    drawn = numpy_generator(seed, stream, number).permutation(len(source.labels))[: 2 * count]
    sources = drawn.reshape(-1, 2)
    digits = torch.from_numpy(source.labels[sources])
    return Pairs(
        inputs=torch.from_numpy(source.images[sources]),
        labels=(digits[:, 0] <= digits[:, 1]).long(),
        digits=digits,
        sources=sources,
    )
