"""The rounds of runs that have several: as the report's code trains, and prints its means."""

from typing import TYPE_CHECKING

import numpy as np

from mnistcmp.networks.architectures import published
from mnistcmp.report.contents import Rounds
from mnistcmp.results.store import ResultsStore
from mnistcmp.statistics import summarise
from mnistcmp.study.combine import Combined
from mnistcmp.study.study import Condition

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("architecture", "seed", "recipe_hash", "round", "test_accuracy")


def rounds_of(store: ResultsStore, combined: Combined) -> tuple[Rounds, ...]:
    """The conditions of several rounds that have a finished run, in the study's order."""
    several = [condition for condition in combined.conditions if condition.recipe.rounds > 1]
    if not several:
        return ()
    rows = store.read("rounds", COLUMNS, dictionaries=True).to_pandas()
    groups = dict(iter(rows.groupby(["architecture", "recipe_hash"], observed=True)))
    return tuple(
        _summary(condition, groups[cell])
        for condition in several
        if (cell := (condition.architecture, condition.recipe.hash)) in groups
    )


def _summary(condition: Condition, rows: "pd.DataFrame") -> Rounds:
    table = rows.pivot_table(index="seed", columns="round", values="test_accuracy")
    accuracies = 100 * table.to_numpy()
    return Rounds(
        condition=condition.name,
        chains=len(accuracies),
        means=tuple(float(mean) for mean in accuracies.mean(axis=0)),
        accuracy=summarise(accuracies.mean(axis=1)),
        deviation=float(np.mean(accuracies.std(axis=1, ddof=1))),
        published=published(condition.architecture, condition.recipe.network),
    )
