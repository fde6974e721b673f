"""Where a study's Parquet files are written and read: a folder, or a prefix of an object store.

    launches/<hash>.toml        each study that was launched into the folder
    predictions/<run id>.parquet, epochs/<run id>.parquet, runs/<run id>.parquet
    failures/<run id>.parquet

A run's file in `runs` is written last, and only runs that have one count as finished, so whatever
dies in between leaves nothing half-stored: the next launch trains the run again.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mnistcmp.errors import UserError
from mnistcmp.results.location import Location
from mnistcmp.results.rows import (
    Failed,
    Finished,
    epochs_table,
    failures_table,
    predictions_table,
    runs_table,
)
from mnistcmp.results.schema import SCHEMA_VERSION, TABLES, schema_version
from mnistcmp.study import Run, Study, format_study, parse_study

SUFFIX = ".parquet"


class ResultsStore:
    """The results in one place. Nothing is written before `prepare`, and nothing ever deleted."""

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

    def check(self, study: Study) -> None:
        """Looks, without writing, whether the study's runs may be stored here.

        Raises:
            UserError: It cannot be written, as far as is seen, or holds results of another recipe
                or schema.
        """
        self.location.check_writable()
        self.read("runs")
        for earlier in self.launches():
            if earlier.recipe != study.recipe:
                raise UserError(
                    f"{self.location} holds results of the recipe '{earlier.recipe.label}'; this "
                    f"launch has '{study.recipe.label}'. Choose another folder with --output."
                )

    def write_finished(self, study: str, finished: Finished) -> None:
        """Stores a run: its details first, and the row that makes it count last.

        Raises:
            UserError: The folder cannot be written any more.
        """
        file = f"{finished.run.run_id}{SUFFIX}"
        self._write("predictions", file, predictions_table(study, finished))
        self._write("epochs", file, epochs_table(study, finished))
        self._write("runs", file, runs_table(study, finished))

    def write_failed(self, study: str, failed: Failed) -> None:
        """Stores why a run failed, in place of what its last attempt left.

        Raises:
            UserError: The folder cannot be written any more.
        """
        file = f"{failed.run.run_id}{SUFFIX}"
        self._write("failures", file, failures_table(study, failed))

    def read(self, name: str) -> pa.Table:
        """All rows of a table that count.

        Details of a run that has not finished do not, nor does the failure of one that has.

        Raises:
            UserError: A file is not readable, not of this schema, or a run stands there twice.
        """
        table = self._read_files(name)
        if name == "runs":
            self._refuse_duplicates(table)
            return table
        finished = pa.array(sorted(self.finished_run_ids()), pa.string())
        of_finished = pc.is_in(table["run_id"], value_set=finished)
        return table.filter(pc.invert(of_finished) if name == "failures" else of_finished)

    def finished_run_ids(self) -> set[str]:
        """The runs that need no training any more, by the names of their files."""
        names = self.location.list("runs", SUFFIX)
        return {name.removesuffix(SUFFIX) for name in names}

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
            runs = {run.run_id: run for study in self.launches() for run in study.runs()}.values()
        finished = self.finished_run_ids()
        return tuple(run for run in runs if run.run_id not in finished)

    def _read_files(self, name: str) -> pa.Table:
        files = self.location.list(name, SUFFIX)
        return pa.concat_tables(
            [TABLES[name].empty_table(), *(self._read_file(name, file) for file in files)]
        )

    def _read_file(self, name: str, file: str) -> pa.Table:
        path = self.location.path(name, file)
        content = self.location.read(name, file)
        try:
            table = pq.read_table(pa.BufferReader(content))
        except (OSError, pa.ArrowException) as error:
            raise UserError(
                f"cannot read {path}: it is not a whole Parquet file. Move it away and launch "
                "again, which trains its run anew."
            ) from error
        version = schema_version(table.schema)
        if version != SCHEMA_VERSION:
            raise UserError(
                f"{path} is of results schema {version or 'unknown'}; this mnistcmp reads and "
                f"writes schema {SCHEMA_VERSION}. Choose another folder, or the mnistcmp that "
                "wrote it."
            )
        if not table.schema.equals(TABLES[name]):
            raise UserError(
                f"{path} does not have the columns of the table '{name}' (docs/results.md). "
                "Move it away and launch again."
            )
        return table

    def _refuse_duplicates(self, runs: pa.Table) -> None:
        counts = runs.group_by("run_id").aggregate([("run_id", "count")])
        twice = counts.filter(pc.greater(counts["run_id_count"], 1))["run_id"].to_pylist()
        if twice:
            raise UserError(
                f"{self.location.path('runs')} has more than one row for the run {twice[0]}"
                f"{f' and {len(twice) - 1} more' if len(twice) > 1 else ''}; "
                "keep one file of each run."
            )

    def _write(self, name: str, file: str, table: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        self.location.write(name, file, sink.getvalue())
