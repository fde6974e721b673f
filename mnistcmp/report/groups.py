"""The stored runs of each condition, and how many of them are looked at in detail."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from mnistcmp.report.searches import refuse_search
from mnistcmp.results.parquet import FILE
from mnistcmp.results.schema import TABLES
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.study import Condition

MOST_DETAILED = 200
"""Runs of a condition whose epochs and predictions are read, so that a study of very many runs can
be looked at too. Those of the smallest seeds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """The finished runs of one condition, at least one."""

    condition: Condition
    runs: pd.DataFrame
    """Rows of `runs`, by seed."""

    def wanted(self, runs: pd.DataFrame | None = None) -> dict[str, str]:
        """Those that are looked at in detail, of all runs or of some, by seed; and their files."""
        of = (self.runs if runs is None else runs).head(MOST_DETAILED)
        return dict(zip(of["run_id"], of[FILE], strict=True))


def read_groups(store: ResultsStore, conditions: Iterable[Condition]) -> tuple[Group, ...]:
    """The groups of those of the conditions that have finished runs, in their order.

    Raises:
        UserError: The results cannot be read, or are a search's.
    """
    refuse_search(store)
    columns = [name for name in TABLES["runs"].names if name not in {"study", "recipe"}]
    table = store.read("runs", [*columns, FILE], dictionaries=True)
    runs = table.to_pandas().sort_values("seed")
    cells = dict(iter(runs.groupby(["architecture", "recipe_hash"], observed=True)))
    return tuple(
        Group(condition=condition, runs=cells[cell])
        for condition in conditions
        if (cell := (condition.architecture, condition.recipe.hash)) in cells
    )
