"""Which digits a condition's networks compare wrongly, and their most confident mistakes."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnistcmp.report.groups import Group
from mnistcmp.results.details import read_details
from mnistcmp.results.store import ResultsStore

COLUMNS = (
    "seed",
    "pair",
    "first_image",
    "second_image",
    "first_digit",
    "second_digit",
    "label",
    "predicted",
    "probability",
    "predicted_first_digit",
    "predicted_second_digit",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """A test pair that a run got wrong."""

    seed: int
    pair: int
    """Position in the seed's test set, from 0."""
    images: tuple[int, int]
    """Positions in MNIST's test images."""
    digits: tuple[int, int]
    label: int
    """1 where the first digit is less than or equal to the second, else 0."""
    confidence: float
    """Predicted probability of the wrong answer."""
    named: tuple[int, int] | None
    """Digits that the branches name; None where none is trained to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DigitErrors:
    """What a condition's runs got wrong, digit by digit."""

    n: int
    """Runs read."""
    pairs: NDArray[np.int64]
    """(10, 10): test pairs of a first digit (row) and a second digit (column), over the runs."""
    wrong: NDArray[np.int64]
    """(10, 10): those of them that were compared wrongly."""
    mistakes: tuple[Mistake, ...]
    """The most confident ones, at most as many as were asked for, one of each pair of images."""


def digit_errors(store: ResultsStore, group: Group, *, most_mistakes: int) -> DigitErrors:
    """Reads the predictions of the group's runs, one run at a time.

    Raises:
        UserError: A file cannot be read.
    """
    pairs, wrong = np.zeros((2, 10, 10), dtype=np.int64)
    kept: list[pd.DataFrame] = []
    for table in read_details(store, "predictions", group.wanted(), COLUMNS):
        frame = table.to_pandas()
        cells = frame["first_digit"].to_numpy(), frame["second_digit"].to_numpy()
        mistaken = (frame["predicted"] != frame["label"]).to_numpy()
        np.add.at(pairs, cells, 1)
        np.add.at(wrong, cells, mistaken)
        mistakes = frame[mistaken]
        towards = mistakes["probability"].where(
            mistakes["predicted"] == 1, 1 - mistakes["probability"]
        )
        kept.append(_most_confident(mistakes.assign(confidence=towards), most_mistakes))
    found = _most_confident(pd.concat(kept), most_mistakes)
    return DigitErrors(
        n=len(kept),
        pairs=pairs,
        wrong=wrong,
        mistakes=tuple(_mistake(row) for row in found.to_dict("records")),
    )


def _most_confident(mistakes: pd.DataFrame, most: int) -> pd.DataFrame:
    """In an order that does not depend on how they were read."""
    order = mistakes.sort_values(["confidence", "seed", "pair"], ascending=[False, True, True])
    return order.drop_duplicates(["first_image", "second_image"]).head(most)


def _mistake(row: Mapping[Hashable, Any]) -> Mistake:
    named = row["predicted_first_digit"], row["predicted_second_digit"]
    return Mistake(
        seed=int(row["seed"]),
        pair=int(row["pair"]),
        images=(int(row["first_image"]), int(row["second_image"])),
        digits=(int(row["first_digit"]), int(row["second_digit"])),
        label=int(row["label"]),
        confidence=float(row["confidence"]),
        named=None if pd.isna(named[0]) else (int(named[0]), int(named[1])),
    )
