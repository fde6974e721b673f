"""The rounds of runs that have several: as the report's code trains, and prints its means."""

from typing import TYPE_CHECKING

import numpy as np

from mnistcmp.networks.architectures import architecture
from mnistcmp.report.contents import Rounds
from mnistcmp.results.store import ResultsStore
from mnistcmp.statistics import summarise
from mnistcmp.study.combine import Combined

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("architecture", "seed", "recipe_hash", "round", "test_accuracy")


def rounds_of(store: ResultsStore, combined: Combined) -> tuple[Rounds, ...]:
    """Of each condition of several rounds that has a finished run, in the study's order."""
    several = [condition for condition in combined.conditions if condition.recipe.rounds > 1]
    if not several:
        return ()
    rows = store.read("rounds", COLUMNS, dictionaries=True).to_pandas()
    groups = dict(iter(rows.groupby(["architecture", "recipe_hash"], observed=True)))
    return tuple(
        _summary(condition.name, condition.architecture, groups[cell])
        for condition in several
        if (cell := (condition.architecture, condition.recipe.hash)) in groups
    )


def _summary(name: str, architecture_name: str, rows: "pd.DataFrame") -> Rounds:
    table = rows.pivot_table(index="seed", columns="round", values="test_accuracy")
    accuracies = 100 * table.to_numpy()
    return Rounds(
        condition=name,
        chains=len(accuracies),
        means=tuple(float(mean) for mean in accuracies.mean(axis=0)),
        accuracy=summarise(accuracies.mean(axis=1)),
        deviation=float(np.mean(accuracies.std(axis=1, ddof=1))),
        published=architecture(architecture_name).published,
    )


def in_words(rounds: tuple[Rounds, ...]) -> str:
    """Which of the published rows runs of several rounds explain, and which they do not."""
    known = [part for part in rounds if part.published is not None]
    if not known:
        return ""
    reached = [part.condition for part in known if part.within_published]
    others = [part.condition for part in known if not part.within_published]
    parts = []
    if reached:
        parts.append(
            "With one model through all rounds, as the report's code has it, these come within one "
            f"published standard deviation of the published mean: {'; '.join(reached)}."
        )
    if others:
        parts.append(
            f"These do not, so their published rows stay unexplained: {'; '.join(others)}."
        )
    return " ".join(parts)
