"""The stored runs of each condition, and how many of them are looked at in detail."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnistcmp.errors import UserError
from mnistcmp.results.parquet import FILE
from mnistcmp.results.reading import read_details
from mnistcmp.results.schema import TABLES
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.study import Condition

if TYPE_CHECKING:
    import pandas as pd

MOST_DETAILED = 200
"""Runs of a condition whose epochs and predictions are read, so that a study of very many runs can
be looked at too. Those of the smallest seeds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """The finished runs of one condition, at least one."""

    store: ResultsStore
    condition: Condition
    stored: "pd.DataFrame"
    """Rows of `runs`, by seed."""

    @property
    def runs(self) -> "pd.DataFrame":
        """The rows that count: those of the runs that did not diverge."""
        return self.stored[self.stored["diverged_epoch"].isna()]

    @property
    def diverged(self) -> int:
        """How many diverged."""
        return int(self.stored["diverged_epoch"].count())

    def details(
        self, name: str, columns: Sequence[str], runs: "pd.DataFrame | None" = None
    ) -> "Iterator[pd.DataFrame]":
        """Rows of `epochs` or `predictions` of each run that counts, or of some, by seed."""
        of = (self.runs if runs is None else runs).head(MOST_DETAILED)
        files = dict(zip(of["run_id"], of[FILE], strict=True))
        return (
            table.to_pandas() for table in read_details(self.store.location, name, files, columns)
        )


def read_groups(store: ResultsStore, conditions: Iterable[Condition]) -> tuple[Group, ...]:
    """The groups of those of the conditions that have finished runs, in their order."""
    refuse_search(store)
    columns = [name for name in TABLES["runs"].names if name not in {"study", "recipe"}]
    table = store.read("runs", [*columns, FILE], dictionaries=True)
    runs = table.to_pandas().sort_values("seed")
    cells = dict(iter(runs.groupby(["architecture", "recipe_hash"], observed=True)))
    return tuple(
        Group(store=store, condition=condition, stored=cells[cell])
        for condition in conditions
        if (cell := (condition.architecture, condition.recipe.hash)) in cells
    )


def refuse_search(store: ResultsStore, *, untested: bool = False) -> None:
    """Raises a UserError where the place is of a search, or its runs are `untested`."""
    if untested or store.is_search:
        raise UserError(
            f"{store.location} holds a search, which has no test results. 'mnistcmp report "
            f"{store.location}' prints its points; launch its best.toml to test the best one."
        )
