"""Two conditions, seed by seed and test pair by test pair."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnistcmp.report.groups import MOST_DETAILED, Group
from mnistcmp.report.mcnemar import Agreement, Pooled, pool
from mnistcmp.results.details import read_details
from mnistcmp.results.store import ResultsStore
from mnistcmp.statistics import Difference, Summary, paired_difference, summarise

MEASURED = (
    "best_epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "test_loss",
    "test_accuracy",
)
"""Columns of `runs` that two runs with the same outcome have in common."""
COLUMNS = (
    "first_image",
    "second_image",
    "first_digit",
    "second_digit",
    "label",
    "predicted",
    "probability",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """A condition and where its runs are."""

    name: str
    """Among the two; with two folders the folder is in it."""
    group: Group
    store: ResultsStore


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedAgreement:
    """One seed: its two networks on the same test pairs."""

    seed: int
    counts: Agreement
    p: float
    """McNemar's exact test."""


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
    same_numbers = (
        (left_paired[list(MEASURED)] == right_paired[list(MEASURED)]).all(axis=1).to_numpy()
    )
    accuracies = [100 * side["test_accuracy"].to_numpy() for side in (left_paired, right_paired)]
    looked_at = seeds[:MOST_DETAILED]
    details = _Details()
    tables = zip(
        looked_at,
        _predictions(first, left_paired.reset_index()),
        _predictions(second, right_paired.reset_index()),
        strict=True,
    )
    same_predictions = np.ones(len(seeds), dtype=bool)
    for position, (seed, one, other) in enumerate(tables):
        same_predictions[position] = details.note(int(seed), one, other)
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
        identical=int((same_numbers & same_predictions).sum()),
        seeds=tuple(details.seeds),
        other_pairs=tuple(details.other_pairs),
        pooled=pool([seed.counts for seed in details.seeds]),
        digits=details.digit_pairs(),
    )


def _predictions(side: Side, runs: pd.DataFrame) -> Iterator[pd.DataFrame]:
    wanted = side.group.wanted(runs)
    for table in read_details(side.store, "predictions", wanted, COLUMNS):
        yield table.to_pandas()


class _Details:
    """What the predictions of paired runs come to, seed after seed."""

    def __init__(self) -> None:
        self.seeds: list[SeedAgreement] = []
        self.other_pairs: list[int] = []
        self._pairs, self._first, self._second = np.zeros((3, 10, 10), dtype=np.int64)

    def note(self, seed: int, one: pd.DataFrame, other: pd.DataFrame) -> bool:
        """Counts a seed; whether the two runs' predictions are the same."""
        images = ["first_image", "second_image"]
        if not one[images].equals(other[images]):
            self.other_pairs.append(seed)
            return False
        first = (one["predicted"] == one["label"]).to_numpy()
        second = (other["predicted"] == other["label"]).to_numpy()
        counts = Agreement(
            both_right=int((first & second).sum()),
            only_first=int((first & ~second).sum()),
            only_second=int((~first & second).sum()),
            both_wrong=int((~first & ~second).sum()),
        )
        self.seeds.append(SeedAgreement(seed=seed, counts=counts, p=counts.exact_p))
        cells = one["first_digit"].to_numpy(), one["second_digit"].to_numpy()
        np.add.at(self._pairs, cells, 1)
        np.add.at(self._first, cells, ~first)
        np.add.at(self._second, cells, ~second)
        return bool(one.equals(other))

    def digit_pairs(self) -> tuple[DigitPair, ...]:
        def at(table: NDArray[np.int64], digits: tuple[int, int]) -> int:
            return int(table[digits])

        found = [
            DigitPair(
                digits=digits,
                pairs=at(self._pairs, digits),
                first_wrong=at(self._first, digits),
                second_wrong=at(self._second, digits),
            )
            for digits in np.ndindex(10, 10)
            if self._pairs[digits]
        ]
        return tuple(sorted(found, key=lambda d: (-abs(d.first_wrong - d.second_wrong), d.digits)))
