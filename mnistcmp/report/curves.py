"""Training and validation error per epoch, over the runs of a condition."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnistcmp.report.groups import Group
from mnistcmp.results.details import read_details
from mnistcmp.results.store import ResultsStore

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """An error rate per epoch, in %: mean and sample standard deviation over n runs."""

    mean: Numbers
    """(epochs,)"""
    deviation: Numbers | None
    """(epochs,), divisor n - 1; None for one run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Curves:
    """How the runs of a condition learned."""

    n: int
    train: Band
    """Over the batches as trained on, dropout on, before each step."""
    validation: Band
    """After the epoch, dropout off."""
    best_epochs: NDArray[np.int64]
    """(n,): the epoch whose weights each run is tested with, counted from 1; of several rounds the
    last one's."""


def learning_curves(store: ResultsStore, group: Group) -> Curves:
    """Reads the epochs of the group's runs.

    Raises:
        UserError: A file cannot be read.
    """
    columns = ("epoch", "train_accuracy", "validation_accuracy")
    train, validation = [], []
    for table in read_details(store, "epochs", group.wanted(), columns):
        frame = table.to_pandas().sort_values("epoch")
        train.append(100 * (1 - frame["train_accuracy"].to_numpy()))
        validation.append(100 * (1 - frame["validation_accuracy"].to_numpy()))
    best = group.runs["best_epoch"].to_numpy()[: len(train)]
    return Curves(n=len(train), train=_band(train), validation=_band(validation), best_epochs=best)


def _band(errors: list[Numbers]) -> Band:
    values = np.stack(errors)
    deviation = values.std(axis=0, ddof=1) if len(values) > 1 else None
    return Band(mean=values.mean(axis=0), deviation=deviation)
