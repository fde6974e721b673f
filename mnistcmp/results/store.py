"""Where a study's Parquet files are written and read: a folder, or a prefix of an object store.

    launches/<hash>.toml        each study that was launched into the folder
    predictions/, rounds/, epochs/, runs/, failures/    the tables, as Parquet files
    weights/<run id>.safetensors                where they were asked for

What a task gave back, usually a stack of runs, is a file of one name in the folder of each table.
The one in `runs` is written last and makes the others count, so whatever dies in between leaves
nothing half-stored: the next launch trains the runs again.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mnistcmp.errors import UserError
from mnistcmp.results import weights
from mnistcmp.results.location import DamagedFileError, Location
from mnistcmp.results.parquet import SUFFIX, encode
from mnistcmp.results.reading import read_files
from mnistcmp.results.schema import TABLES
from mnistcmp.results.tables import Returned
from mnistcmp.study.combine import Combined, combine
from mnistcmp.study.file import format_study, parse_study
from mnistcmp.study.study import Run, Study

LAUNCHES = "launches"
SEARCH = "search.json"
"""Of a search's folder: what was asked for. It tells the folder from that of a study."""
DETAILS = ("predictions", "rounds", "epochs")


class ResultsStore:
    """The results in one place. Nothing is written before `prepare`.

    Every method raises a UserError where the place cannot be used as asked: it cannot be read or
    written, a file is not whole, or is of another schema or study.
    """

    def __init__(self, place: Path | str) -> None:
        self.location = Location(place)
        self.before_writing: Callable[[], None] = lambda: None
        """Raises where what comes back must not be stored any more."""
        self._torn: dict[tuple[str, str], set[str]] = {}

    def prepare(self, study: Study) -> None:
        """Makes the place ready for runs of a study that `check` let pass, and notes the study."""
        self.location.make_folders((LAUNCHES, *TABLES))
        text = format_study(study)
        self.location.write(LAUNCHES, _launch_file(text.encode()), text.encode())
        self._leave_columns("failures")
        self._torn = self._find_torn()

    def write_study(self, file: str, study: Study) -> None:
        """Leaves a study file beside the tables, for people to launch; `launches` has others."""
        self.location.write("", file, format_study(study).encode())

    def check_exists(self) -> None:
        """Looks whether there are results, of whatever launch."""
        if not self.location.exists():
            raise UserError(
                f"there is no results folder {self.location}. Run 'mnistcmp launch --all'."
            )

    @property
    def is_search(self) -> bool:
        """Whether it is the folder of a search, whose runs have no test results."""
        return SEARCH in self.location.list("", ".json")

    def check(self, study: Study, *, search: bool = False) -> None:
        """Looks, without writing, whether the study's runs may be stored here.

        Args:
            study: The study.
            search: Whether its runs are points of a search.
        """
        self.location.check_writable()
        if search != self.is_search and self.location.list(LAUNCHES, ".toml"):
            holds, comes = ("a study's runs", "a search") if search else ("a search", "a launch")
            best = "" if search else " Its best.toml is a study to be launched."
            raise UserError(
                f"{self.location} holds {holds}, and {comes} needs a folder of its own. Choose "
                f"another one with --output, or take --fresh.{best}"
            )
        self.read("runs", ["run_id"])
        self.combined(study)

    def combined(self, *further: Study) -> Combined:
        """What all launches into this place ask for together, and those of further studies."""
        launches = (*self.launches(), *further)
        if not launches:
            raise UserError(
                f"{self.location} has results, but no study file of a launch in 'launches', which "
                "says what they are of. Launch the study again into this folder."
            )
        return combine(launches, place=str(self.location))

    def write(self, returned: Returned) -> None:
        """Stores what one task gave back, in the order of its files.

        The same runs again take the place of the first ones.
        """
        self.before_writing()
        for folder, file, content in returned.files:
            match folder:
                case weights.FOLDER:
                    self.location.make_folders((folder,))
                case "runs":
                    self._delete_torn(returned.finished_run_ids, file)
                case "failures":
                    for name in ("runs", "epochs", "predictions"):
                        self._leave_columns(name)
            self.location.write(folder, file, content)

    def _leave_columns(self, name: str) -> None:
        """Leaves a file without rows where a table has none, so that other programs can read it."""
        if not self.location.list(name, SUFFIX):
            self.location.write(name, f"none{SUFFIX}", encode(TABLES[name].empty_table()))

    def _find_torn(self) -> dict[tuple[str, str], set[str]]:
        """Files of details that no file in `runs` goes with, and the runs that they are of."""
        whole = set(self.location.list("runs", SUFFIX))
        return {
            (name, file): set(
                read_files(self.location, name, [file], ["run_id"])["run_id"].to_pylist()
            )
            for name in DETAILS
            for file in self.location.list(name, SUFFIX)
            if file not in whole
        }

    def _delete_torn(self, run_ids: set[str], file: str) -> None:
        """Deletes what was left of these runs, so that each stands in one file of a table."""
        torn = [key for key, of in self._torn.items() if of & run_ids and key[1] != file]
        whole = set(self.location.list("runs", SUFFIX)) if torn else ()
        for name, left in torn:
            del self._torn[name, left]
            if left not in whole:
                self.location.delete(name, left)

    def read(
        self, name: str, columns: Sequence[str] | None = None, *, dictionaries: bool = False
    ) -> pa.Table:
        """All rows of a table that count, or some of their columns.

        Details of runs that have not finished do not count, nor does the failure of one that has,
        nor an earlier failure of one that failed again. With `dictionaries`, repeated texts are
        dictionaries (in pandas: categories), which take a tenth of the memory. A column that a file
        is too old to have is null there; the column `file` names the file of each row.
        """
        wanted = list(columns or TABLES[name].names)
        needed = {"runs": ["run_id"], "failures": ["run_id", "failed_at"]}.get(name, [])
        # Before the details are listed: those of a run that is in `runs` are there.
        whole = set(self.location.list("runs", SUFFIX)) if name in DETAILS else None
        files = self.location.list(name, SUFFIX)
        if whole is not None:
            files = [file for file in files if file in whole]
        needed = list(dict.fromkeys([*wanted, *needed]))
        rows = read_files(self.location, name, files, needed, dictionaries=dictionaries)
        if name == "runs":
            self._refuse_duplicates(rows)
        elif name == "failures" and len(rows):
            finished = pa.array(self.finished_run_ids(), pa.string())
            of_finished = pc.is_in(rows["run_id"].cast(pa.string()), value_set=finished)
            rows = _latest(rows.filter(pc.invert(of_finished)))
        return rows.select(wanted)

    def times_failed(self) -> Counter[str]:
        """How often each run failed, those included that have finished since."""
        files = self.location.list("failures", SUFFIX)
        rows = read_files(self.location, "failures", files, ["run_id"])
        return Counter(rows["run_id"].to_pylist())

    def weighted_run_ids(self) -> set[str]:
        """The finished runs whose weights are stored."""
        files = self.location.list(weights.FOLDER, weights.SUFFIX)
        return {file.removesuffix(weights.SUFFIX) for file in files} & self.finished_run_ids()

    def read_weights(self, run_id: str) -> weights.StoredWeights:
        """A run's weights."""
        file = f"{run_id}{weights.SUFFIX}"
        content = self.location.read(weights.FOLDER, file).to_pybytes()
        found = weights.decode_weights(content, self.location.path(weights.FOLDER, file))
        if found.run.run_id != run_id:
            raise UserError(
                f"{self.location.path(weights.FOLDER, file)} has weights of another run than its "
                "name says. Take results that you trust."
            )
        return found

    def finished_run_ids(self) -> set[str]:
        """The runs that need no training any more."""
        files = self.location.list("runs", SUFFIX)
        rows = read_files(self.location, "runs", files, ["run_id"])
        return set(rows["run_id"].to_pylist())

    def launches(self) -> tuple[Study, ...]:
        """The studies that were launched into this place."""
        return tuple(map(self.read_launch, self.location.list(LAUNCHES, ".toml")))

    def read_launch(self, name: str) -> Study:
        """A study that was launched, by the name of its file.

        Raises:
            DamagedFileError: It is not as it was written.
        """
        path, content = self.location.path(LAUNCHES, name), self.location.read(LAUNCHES, name)
        if _launch_file(content) != name:
            raise DamagedFileError(
                f"cannot read {path}: it was cut off or altered. Launch its study again, which "
                "sets it aside."
            )
        return parse_study(content.to_pybytes().decode(), source=path)

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

    def _refuse_duplicates(self, rows: pa.Table) -> None:
        run_ids, runs = rows["run_id"], ["architecture", "seed", "recipe_hash"]
        if pc.count_distinct(run_ids).as_py() == len(run_ids):
            if not set(runs) <= set(rows.column_names):
                return
            cells = pa.table([_plain(rows[column]) for column in runs], runs)
            if len(cells.group_by(runs).aggregate([])) == len(rows):
                return
            raise UserError(
                f"{self.location.path('runs')} has more than one row for a run, under other ids. "
                "Take results that you trust."
            )
        counts = pc.value_counts(run_ids)
        twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values").to_pylist()
        raise UserError(
            f"{self.location.path('runs')} has more than one row for the run {twice[0]}"
            f"{f' and {len(twice) - 1} more' if len(twice) > 1 else ''}; "
            "keep one file of each run."
        )


def _launch_file(text: bytes | pa.Buffer) -> str:
    return f"{hashlib.sha256(text).hexdigest()[:12]}.toml"


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """What stands for the values of a dictionary, or the values."""
    if not pa.types.is_dictionary(column.type):
        return column
    return pa.chunked_array([chunk.indices for chunk in column.chunks], pa.int32())


def _latest(failures: pa.Table) -> pa.Table:
    """Of each run's failures the last, in the order of their times."""
    ordered = failures.sort_by("failed_at")
    ids = ordered["run_id"].cast(pa.string())
    rows = pa.table({"run_id": ids, "row": np.arange(len(ordered))})
    return ordered.take(rows.group_by("run_id").aggregate([("row", "max")])["row_max"].sort())
