"""Stored results for Python: their tables as pandas, their report and their figures."""

from pathlib import Path
from typing import TYPE_CHECKING

from mnistcmp.errors import UserError
from mnistcmp.files import expand_home
from mnistcmp.report.build import build_report
from mnistcmp.report.contents import Report
from mnistcmp.report.runs import read_groups
from mnistcmp.report.until import missing_runs
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.study import Run

if TYPE_CHECKING:
    import pandas as pd

    from mnistcmp.report.figures.drawing import Drawing


class Results:
    """What a results folder holds. Each property reads it anew: a launch may be adding to it.

    Raises:
        UserError: It cannot be read, as every property and method does.
    """

    def __init__(self, place: str | Path) -> None:
        self._store = ResultsStore(expand_home(str(place)))

    @property
    def location(self) -> str:
        """The folder, or the URI in an object store."""
        return str(self._store.location)

    @property
    def runs(self) -> "pd.DataFrame":
        """A row for each finished run; docs/results.md says what each table's columns hold."""
        return self._read("runs")

    @property
    def epochs(self) -> "pd.DataFrame":
        """A row for each epoch of each run."""
        return self._read("epochs")

    @property
    def rounds(self) -> "pd.DataFrame":
        """A row for each round of the runs that are of several."""
        return self._read("rounds")

    @property
    def predictions(self) -> "pd.DataFrame":
        """A row for each test pair of each run."""
        return self._read("predictions")

    @property
    def failures(self) -> "pd.DataFrame":
        """A row for each run whose last attempt failed."""
        return self._read("failures")

    @property
    def missing(self) -> tuple[Run, ...]:
        """Runs that were launched into the folder and have no result yet."""
        return missing_runs(self._store)

    def report(self) -> Report:
        """What `mnistcmp report` prints: its `repr`, and tables in a notebook."""
        return build_report(self._store)

    def figures(self) -> "list[Drawing]":
        """Every run's test accuracy, then each condition's learning curves; shown by a notebook."""
        from mnistcmp.report.figures.curves import draw_learning  # noqa: PLC0415 - matplotlib
        from mnistcmp.report.figures.dots import draw_accuracies  # noqa: PLC0415 - matplotlib

        report = self.report()
        groups = read_groups(self._store, report.shown)
        return [*draw_accuracies(report.rows, groups, name="dots"), *draw_learning(groups)]

    def _read(self, table: str) -> "pd.DataFrame":
        rows: pd.DataFrame = self._store.read(table).to_pandas()
        return rows

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.location!r})"


def open_results(place: str | Path) -> Results:
    """The results in a folder or at a URI.

    Raises:
        UserError: There are none.
    """
    results = Results(place)
    results._store.check_exists()  # noqa: SLF001 - this class's own
    if not results._store.launches():  # noqa: SLF001 - this class's own
        raise UserError(
            f"there are no results in {results.location}. Give a folder that a launch wrote."
        )
    return results
