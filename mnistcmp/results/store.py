"""Where a study's Parquet files are written and read: a folder, or a prefix of an object store.

    launches/<hash>.toml        each study that was launched into the folder
    predictions/, rounds/, epochs/, runs/, failures/    the tables; `tables` describes their files
    weights/<run id>.safetensors                where they were asked for
    trials/<recipe's hash>.json                 of a search: what became of each point

A run's row in `runs` is written last, and only runs that have one count as finished, so whatever
dies in between leaves nothing half-stored: the next launch trains the run again.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mnistcmp.errors import UserError
from mnistcmp.results import trials, weights
from mnistcmp.results.location import Location
from mnistcmp.results.outcome import Failed, Finished, Outcome
from mnistcmp.results.parquet import SUFFIX, encode
from mnistcmp.results.rows import (
    epochs_table,
    failures_table,
    predictions_table,
    rounds_table,
    runs_table,
)
from mnistcmp.results.schema import TABLES
from mnistcmp.results.tables import TableFiles, failure_file
from mnistcmp.study.combine import Combined, combine
from mnistcmp.study.file import format_study, parse_study
from mnistcmp.study.study import Run, Study


class ResultsStore:
    """The results in one place. Nothing is written before `prepare`."""

    def __init__(self, place: Path | str) -> None:
        self.location = Location(place)

    def prepare(self, study: Study) -> None:
        """Makes the place ready for runs of a study that `check` let pass, and notes the study.

        Raises:
            UserError: It cannot be written.
        """
        self.location.make_folders(("launches", *TABLES))
        text = format_study(study)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        self.location.write("launches", f"{digest}.toml", text.encode())

    def write_study(self, file: str, study: Study) -> None:
        """Leaves a study file beside the tables, for people to launch; `launches` has others.

        Raises:
            UserError: It cannot be written.
        """
        self.location.write("", file, format_study(study).encode())

    def check_exists(self) -> None:
        """Looks whether there are results, of whatever launch.

        Raises:
            UserError: There is not even a folder.
        """
        if not self.location.exists():
            raise UserError(
                f"there is no results folder {self.location}. Run 'mnistcmp launch --all'."
            )

    def check(self, study: Study) -> None:
        """Looks, without writing, whether the study's runs may be stored here.

        Raises:
            UserError: It cannot be written, as far as is seen, or holds results of another study,
                of another recipe under the same name, or of another schema.
        """
        self.location.check_writable()
        self.read("runs", ["run_id"])
        self.combined(study)

    def combined(self, *further: Study) -> Combined:
        """What all launches into this place ask for together, and those of further studies.

        Raises:
            UserError: They do not go together, or there is none.
        """
        launches = (*self.launches(), *further)
        if not launches:
            raise UserError(
                f"{self.location} has results, but no study file of a launch in 'launches', which "
                "says what they are of. Launch the study again into this folder."
            )
        return combine(launches, place=str(self.location))

    def write(self, study_name: str, outcomes: Sequence[Outcome]) -> None:
        """Stores what one task gave back.

        Raises:
            UserError: The folder cannot be written any more.
        """
        for outcome in outcomes:
            if isinstance(outcome, Finished):
                self.write_finished(study_name, outcome)
            else:
                self.write_failed(study_name, outcome)

    def write_finished(self, study: str, finished: Finished) -> None:
        """Stores a run: its details first, and the row that makes it count last.

        Raises:
            UserError: The folder cannot be written any more.
        """
        if finished.result.weights is not None:
            self.location.make_folders((weights.FOLDER,))
            content = weights.encode_weights(finished.run, finished.result.weights)
            file = f"{finished.run.run_id}{weights.SUFFIX}"
            self.location.write(weights.FOLDER, file, content)
        file = f"{finished.run.run_id}{SUFFIX}"
        if finished.result.tested:
            self._write("predictions", file, predictions_table(study, finished))
        if len(finished.result.rounds) > 1:
            self._write("rounds", file, rounds_table(study, finished))
        self._write("epochs", file, epochs_table(study, finished))
        self._write("runs", file, runs_table(study, finished))

    def write_failed(self, study: str, failed: Failed) -> None:
        """Stores why a run failed, beside what earlier attempts left.

        Raises:
            UserError: The folder cannot be written any more.
        """
        table = failures_table(study, failed)
        microseconds = table["failed_at"].cast(pa.int64())[0].as_py()
        self._write("failures", failure_file(failed.run.run_id, microseconds), table)

    def read(
        self, name: str, columns: Sequence[str] | None = None, *, dictionaries: bool = False
    ) -> pa.Table:
        """All rows of a table that count, or some of their columns.

        Details of a run that has not finished do not count, nor does the failure of one that has,
        nor an earlier failure of one that failed again. With `dictionaries`, repeated texts are
        dictionaries (in pandas: categories), which take a tenth of the memory.

        Raises:
            UserError: A file is not readable, not of this schema, or a run stands there twice.
        """
        wanted = list(columns or TABLES[name].names)
        needed = ["run_id", "failed_at"] if name == "failures" else ["run_id"]
        table = TableFiles(self.location, name).read(
            list(dict.fromkeys([*wanted, *needed])), dictionaries=dictionaries
        )
        if name == "runs":
            self._refuse_duplicates(table["run_id"])
            return table.select(wanted)
        finished = pa.array(self.finished_run_ids(), pa.string())
        of_finished = pc.is_in(table["run_id"].cast(pa.string()), value_set=finished)
        if name == "failures":
            return _latest(table.filter(pc.invert(of_finished))).select(wanted)
        return table.filter(of_finished).select(wanted)

    def write_trial(self, trial: trials.Trial) -> None:
        """Stores what became of a point of a search, after its runs.

        Raises:
            UserError: The folder cannot be written any more.
        """
        self.location.make_folders((trials.FOLDER,))
        file = f"{trial.recipe.hash}{trials.SUFFIX}"
        self.location.write(trials.FOLDER, file, trials.encode_trial(trial))

    def trials(self) -> tuple[trials.Trial, ...]:
        """The points of a search that ended; none where this is no search's place.

        Raises:
            UserError: A file is not one of a point.
        """
        return tuple(
            trials.decode_trial(
                self.location.read(trials.FOLDER, file).to_pybytes(),
                self.location.path(trials.FOLDER, file),
            )
            for file in self.location.list(trials.FOLDER, trials.SUFFIX)
        )

    def weighted_run_ids(self) -> set[str]:
        """The finished runs whose weights are stored."""
        files = self.location.list(weights.FOLDER, weights.SUFFIX)
        return {file.removesuffix(weights.SUFFIX) for file in files} & self.finished_run_ids()

    def read_weights(self, run_id: str) -> weights.StoredWeights:
        """A run's weights.

        Raises:
            UserError: They are not there, not whole, or of another mnistcmp.
        """
        file = f"{run_id}{weights.SUFFIX}"
        content = self.location.read(weights.FOLDER, file).to_pybytes()
        return weights.decode_weights(content, self.location.path(weights.FOLDER, file))

    def finished_run_ids(self) -> set[str]:
        """The runs that need no training any more."""
        return TableFiles(self.location, "runs").run_ids()

    def launches(self) -> tuple[Study, ...]:
        """The studies that were launched into this place.

        Raises:
            UserError: One of the files cannot be read.
        """
        return tuple(self._read_launch(name) for name in self.location.list("launches", ".toml"))

    def _read_launch(self, name: str) -> Study:
        path = self.location.path("launches", name)
        try:
            text = self.location.read("launches", name).to_pybytes().decode()
        except UnicodeDecodeError as error:
            raise UserError(f"{path} is not a study file. Move it away.") from error
        return parse_study(text, source=path)

    def missing(self, runs: Iterable[Run] | None = None) -> tuple[Run, ...]:
        """Those of the runs (by default: all that were ever launched here) that have no result."""
        if runs is None:
            runs = (run for study in self.launches() for run in study.runs())
        finished = self.finished_run_ids()
        # Launches overlap. A million ids take seconds, so each is made once.
        found: dict[str, Run] = {}
        for run in runs:
            if (run_id := run.run_id) not in finished:
                found[run_id] = run
        return tuple(found.values())

    def _refuse_duplicates(self, run_ids: pa.ChunkedArray) -> None:
        if pc.count_distinct(run_ids).as_py() == len(run_ids):
            return
        counts = pc.value_counts(run_ids)
        twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values").to_pylist()
        raise UserError(
            f"{self.location.path('runs')} has more than one row for the run {twice[0]}"
            f"{f' and {len(twice) - 1} more' if len(twice) > 1 else ''}; "
            "keep one file of each run."
        )

    def _write(self, name: str, file: str, table: pa.Table) -> None:
        self.location.write(name, file, encode(name, table))


def _latest(failures: pa.Table) -> pa.Table:
    """Of each run's failures the last, in the order of their times."""
    ordered = failures.sort_by("failed_at")
    ids = ordered["run_id"].cast(pa.string())
    rows = pa.table({"run_id": ids, "row": np.arange(len(ordered))})
    return ordered.take(rows.group_by("run_id").aggregate([("row", "max")])["row_max"].sort())
