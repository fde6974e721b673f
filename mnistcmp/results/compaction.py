"""Putting many small files together into few, without changing a row.

A part is written whole before any file that it replaces is deleted, and readers count a row once
wherever it stands (`tables`), so a reader at any moment, and after a kill at any moment, sees each
row once. docs/decisions/storage.md goes through the cases.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from mnistcmp.errors import UserError
from mnistcmp.results.parquet import SUFFIX, TableWriter, plain
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import PART, TableFiles, held_earlier

ROWS_PER_PART = 10_000_000
"""A part is closed when it has as many: some 200 MB of predictions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Compacted:
    """What became of a table."""

    table: str
    before: int
    """Files there were."""
    after: int
    """Files there are."""
    rows: int
    """Rows in files that were written anew."""


def compact(store: ResultsStore, *, rows_per_part: int = ROWS_PER_PART) -> list[Compacted]:
    """Puts the small files of each table together.

    What a launch writes meanwhile stays as it is, for the next time; so do details of runs that
    have not finished, since their launch may be about to write them.

    Raises:
        UserError: There are no results, a file cannot be read, or the place cannot be written.
            What was done until then is done, and every row is there.
    """
    store.check_exists()
    store.location.check_writable()
    # The runs first: the others are put in their order, and theirs is read quicker from a part.
    compacted = [_compact_table(TableFiles(store.location, "runs"), None, rows_per_part)]
    runs = store.read("runs", ["run_id", "architecture", "seed"])
    by_network = runs.sort_by([("architecture", "ascending"), ("seed", "ascending")])
    order = {run_id: place for place, run_id in enumerate(by_network["run_id"].to_pylist())}
    for name in ("rounds", "epochs", "predictions", "failures"):
        files = TableFiles(store.location, name)
        compacted.append(
            _compact_table(files, None if name == "failures" else order, rows_per_part)
        )
    return compacted


def _compact_table(
    files: TableFiles, order: dict[str, int] | None, rows_per_part: int
) -> Compacted:
    """Where there is an order, only its runs are taken, in it."""
    listed = files.listing()
    keys, sizes = [], []
    for of_part, rows in files.part_keys(listed.parts):
        keys.append(of_part)
        sizes.append(rows)
    earlier = held_earlier(keys)
    needless = files.superseded(listed.singles, keys)
    known, parts = set[str](), []
    for part, of_part, held, rows in zip(listed.parts, keys, earlier, sizes, strict=True):
        if len(held) == len(of_part):
            needless.add(part)
        elif rows >= rows_per_part and not len(held):
            known.update(of_part.to_pylist())
        else:
            parts.append(part)
    files.location.delete(files.name, needless)
    singles = [single for single in listed.singles if single not in needless]
    if order is not None:
        singles = [single for single in singles if single.removesuffix(SUFFIX) in order]
        singles.sort(key=lambda single: order[single.removesuffix(SUFFIX)])
    sources = [*parts, *singles] if singles or len(parts) > 1 else []
    new = rows = 0
    for first in (waiting := _read_sources(files, sources)):
        rows += _write_part(files, known, chain([first], waiting), rows_per_part)
        new += 1
    before = len(listed.parts) + len(listed.singles)
    return Compacted(
        table=files.name,
        before=before,
        after=before - len(needless) - len(sources) + new,
        rows=rows,
    )


def _read_sources(
    files: TableFiles, sources: Sequence[str]
) -> Iterator[tuple[str, Iterable[pa.Table]]]:
    """Each file and its rows: all of a single one, of a part a row group at a time."""
    parts = [source for source in sources if source.startswith(PART)]
    singles = [source for source in sources if not source.startswith(PART)]
    for part in parts:
        yield part, _row_groups(files, part)
    for single, rows in zip(singles, files.read_files(singles, None), strict=True):
        _refuse_copies(files, single, rows)
        yield single, [rows]


def _row_groups(files: TableFiles, part: str) -> Iterator[pa.Table]:
    with files.opened(part) as parquet:
        for number in range(parquet.num_row_groups):
            yield plain(files.name, parquet.read_row_group(number))


def _write_part(
    files: TableFiles,
    known: set[str],
    sources: Iterable[tuple[str, Iterable[pa.Table]]],
    rows_per_part: int,
) -> int:
    """Moves files' rows into a new part until it is full; the number of its rows.

    A file's rows go into one part: readers take all rows of a key from one file.
    """
    name = f"{PART}{uuid.uuid4().hex}{SUFFIX}"
    moved: list[str] = []
    with (
        files.location.create(files.name, name) as target,
        TableWriter(files.name, target) as writer,
    ):
        for source, groups in sources:
            of_source = set[str]()
            for rows in groups:
                keys = set(files.distinct_keys(rows).to_pylist())
                writer.write(files.without(rows, pa.array(keys & known, pa.string())))
                of_source |= keys
            known |= of_source
            moved.append(source)
            if writer.rows >= rows_per_part:
                break
    _check_whole(files, name, writer.rows)
    files.location.delete(files.name, moved)
    return writer.rows


def _check_whole(files: TableFiles, part: str, rows: int) -> None:
    with files.opened(part) as parquet:
        there = parquet.metadata.num_rows
    if there != rows:
        raise UserError(
            f"{files.location.path(files.name, part)} has {there:,} rows in place of {rows:,}. "
            "No file that it replaces was deleted. Delete it, and try again."
        )


def _refuse_copies(files: TableFiles, single: str, rows: pa.Table) -> None:
    """A single file is named by its run; under another name it would count a run twice."""
    run_ids = pc.unique(rows["run_id"]).to_pylist()
    if run_ids != [single.removesuffix(SUFFIX).split("-")[0]]:
        what = f"the run {run_ids[0]}" if len(run_ids) == 1 else f"{len(run_ids)} runs"
        raise UserError(
            f"{files.location.path(files.name, single)} holds {what}, which its name does not "
            "say. Move it away if it is a copy."
        )
