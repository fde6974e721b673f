"""Two conditions, seed by seed and test pair by test pair."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnistcmp.report.groups import Group
from mnistcmp.results.details import read_details
from mnistcmp.results.store import ResultsStore
from mnistcmp.statistics import (
    Difference,
    Summary,
    exact_mcnemar,
    paired_difference,
    pooled_mcnemar,
    summarise,
)

MEASURED = [
    "best_epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "test_loss",
    "test_accuracy",
]
"""Columns of `runs` that two runs with the same outcome have in common."""
IMAGES = ["first_image", "second_image"]
COLUMNS = (*IMAGES, "first_digit", "second_digit", "label", "predicted", "probability")


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """A condition and where its runs are."""

    name: str
    """Among the two; with two folders the folder is in it."""
    group: Group
    store: ResultsStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """How two classifiers did on the same test pairs."""

    both_right: int
    only_first: int
    """The first right, the second wrong."""
    only_second: int
    both_wrong: int
    p: float | None
    """Of McNemar's test; None where they never disagree and nothing can be said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedAgreement(Agreement):
    """One seed's two networks; the test is the exact one."""

    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Pooled(Agreement):
    """All seeds' networks together."""

    chi_square: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DigitPair:
    """How often each side compared two digits wrongly, over the seeds that were compared."""

    digits: tuple[int, int]
    pairs: int
    first_wrong: int
    second_wrong: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SideBySide:
    """The first side less the second, over the seeds that both have finished."""

    subject: str
    """What the two have in common; empty where the two names say all."""
    first: str
    second: str
    recipes: tuple[str, str]
    """Labels of the two sides' recipes."""
    first_accuracy: Summary
    """Test accuracy in %, over all of the side's runs."""
    second_accuracy: Summary
    paired_seeds: tuple[int, ...]
    unpaired: tuple[int, int]
    """Runs of each side whose seed the other has not."""
    differences: tuple[float, ...]
    """Of each paired seed, in percentage points."""
    difference: Difference | None
    """First less second, in percentage points; None where no seed is in common."""
    identical: int
    """Paired seeds whose two runs have the same numbers to the last bit, predictions included."""
    seeds: tuple[SeedAgreement, ...]
    """The paired seeds that were tested on the same pairs, at most `MOST_DETAILED`."""
    other_pairs: tuple[int, ...]
    """Paired seeds that were looked at and have other test pairs on each side."""
    pooled: Pooled
    digits: tuple[DigitPair, ...]
    """Every pair of digits, those first where the sides differ most."""

    @property
    def all_identical(self) -> bool:
        """Whether the two sides have the same seeds with the same numbers."""
        return not any(self.unpaired) and 0 < self.identical == len(self.paired_seeds)


def compare(first: Side, second: Side, *, subject: str = "") -> SideBySide:
    """Pairs two sides by seed, and looks at their predictions.

    Raises:
        UserError: A file cannot be read.
    """
    left, right = (side.group.runs.set_index("seed") for side in (first, second))
    seeds = left.index.intersection(right.index).sort_values()
    left_paired, right_paired = left.loc[seeds], right.loc[seeds]
    one, other = left_paired[MEASURED], right_paired[MEASURED]
    same = ((one == other) | (one.isna() & other.isna())).all(axis=1).to_numpy(copy=True)
    agreements: list[SeedAgreement] = []
    other_pairs: list[int] = []
    digits = np.zeros((3, 10, 10), dtype=np.int64)
    predictions = _predictions(first, left_paired), _predictions(second, right_paired)
    for position, (ours, theirs) in enumerate(zip(*predictions, strict=True)):
        seed = int(seeds[position])
        same[position] &= ours.equals(theirs)
        if ours[IMAGES].equals(theirs[IMAGES]):
            agreements.append(_agreement(seed, ours, theirs, digits))
        else:
            other_pairs.append(seed)
    accuracies = [100 * side["test_accuracy"].to_numpy() for side in (left_paired, right_paired)]
    return SideBySide(
        subject=subject,
        first=first.name,
        second=second.name,
        recipes=(first.group.condition.recipe.label, second.group.condition.recipe.label),
        first_accuracy=summarise(100 * left["test_accuracy"].to_numpy()),
        second_accuracy=summarise(100 * right["test_accuracy"].to_numpy()),
        paired_seeds=tuple(map(int, seeds)),
        unpaired=(len(left) - len(seeds), len(right) - len(seeds)),
        differences=tuple(map(float, accuracies[0] - accuracies[1])),
        difference=paired_difference(*accuracies) if len(seeds) else None,
        identical=int(same.sum()),
        seeds=tuple(agreements),
        other_pairs=tuple(other_pairs),
        pooled=_pool(agreements),
        digits=_digit_pairs(digits),
    )


def _predictions(side: Side, runs: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """A frame for each of the runs, by seed, at most `MOST_DETAILED`."""
    wanted = side.group.wanted(runs.reset_index())
    return (table.to_pandas() for table in read_details(side.store, "predictions", wanted, COLUMNS))


def _agreement(
    seed: int, one: pd.DataFrame, other: pd.DataFrame, digits: NDArray[np.int64]
) -> SeedAgreement:
    """Counts a seed's pairs, also by digits into (pairs, first wrong, second wrong) of each two."""
    first = (one["predicted"] == one["label"]).to_numpy()
    second = (other["predicted"] == other["label"]).to_numpy()
    cells = one["first_digit"].to_numpy(), one["second_digit"].to_numpy()
    for counts, counted in zip(digits, (np.ones_like(first), ~first, ~second), strict=True):
        np.add.at(counts, cells, counted)
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    return SeedAgreement(
        seed=seed,
        both_right=int((first & second).sum()),
        only_first=only_first,
        only_second=only_second,
        both_wrong=int((~first & ~second).sum()),
        p=exact_mcnemar(only_first, only_second),
    )


def _pool(seeds: Sequence[SeedAgreement]) -> Pooled:
    only_first = sum(seed.only_first for seed in seeds)
    only_second = sum(seed.only_second for seed in seeds)
    chi_square, p = pooled_mcnemar(only_first, only_second) or (None, None)
    return Pooled(
        both_right=sum(seed.both_right for seed in seeds),
        only_first=only_first,
        only_second=only_second,
        both_wrong=sum(seed.both_wrong for seed in seeds),
        chi_square=chi_square,
        p=p,
    )


def _digit_pairs(counts: NDArray[np.int64]) -> tuple[DigitPair, ...]:
    found = [
        DigitPair(digits=(i, j), pairs=pairs, first_wrong=first, second_wrong=second)
        for i in range(10)
        for j in range(10)
        for pairs, first, second in [counts[:, i, j].tolist()]
        if pairs
    ]
    return tuple(sorted(found, key=lambda d: (-abs(d.first_wrong - d.second_wrong), d.digits)))
