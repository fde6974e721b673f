"""The rows of some runs, out of the tables of very many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mnistcmp.errors import UserError
from mnistcmp.results.parquet import SUFFIX, plain
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import TableFiles, read_whole


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedRuns:
    """Finished runs of one architecture."""

    run_ids: tuple[str, ...]
    architecture: str
    seeds: tuple[int, int]
    """The smallest and the largest, by which parts of files are passed over."""


def read_details(
    store: ResultsStore, name: str, wanted: WantedRuns, columns: Sequence[str]
) -> list[pa.Table]:
    """Columns of `epochs` or `predictions`: a table for each of the wanted runs, in their order.

    Only these runs' files are opened, and of parts of many runs only the row groups that may have
    theirs are read.

    Raises:
        UserError: A run has no rows, or a file cannot be read.
    """
    files = TableFiles(store.location, name)
    return read_whole(lambda: _read(files, wanted, columns))


def _read(files: TableFiles, wanted: WantedRuns, columns: Sequence[str]) -> list[pa.Table]:
    listing = files.listing()
    found: dict[str, pa.Table] = {}
    # As for other readers, a part's rows go before a single file's, and an earlier part's first.
    for part in listing.parts:
        if len(found) < len(wanted.run_ids):
            found = dict(_of_part(files, part, wanted, columns)) | found
    there = set(listing.singles)
    singles = [
        run_id for run_id in wanted.run_ids if run_id not in found and f"{run_id}{SUFFIX}" in there
    ]
    names = (f"{run_id}{SUFFIX}" for run_id in singles)
    found |= zip(singles, files.read_files(names, columns), strict=True)
    lost = [run_id for run_id in wanted.run_ids if run_id not in found]
    if lost:
        raise UserError(
            f"{files.location.path(files.name)} has no rows of the finished run {lost[0]}"
            f"{f' and {len(lost) - 1} more' if len(lost) > 1 else ''}. Move its file in 'runs' "
            "away and launch again, which trains it anew."
        )
    return [found[run_id] for run_id in wanted.run_ids]


def _of_part(
    files: TableFiles, part: str, wanted: WantedRuns, columns: Sequence[str]
) -> Iterator[tuple[str, pa.Table]]:
    run_ids = pa.array(wanted.run_ids, pa.string())
    with files.opened(part) as parquet:
        groups = [n for n in range(parquet.num_row_groups) if _may_have(parquet, n, wanted)]
        tables = [
            plain(files.name, parquet.read_row_group(number, columns=[*columns, "run_id"]))
            for number in groups
        ]
    if not tables:
        return
    rows = pa.concat_tables(tables)
    rows = rows.filter(pc.is_in(rows["run_id"], value_set=run_ids))
    for run_id in pc.unique(rows["run_id"]).to_pylist():
        yield run_id, rows.filter(pc.equal(rows["run_id"], run_id)).select(list(columns))


def _may_have(parquet: pq.ParquetFile, number: int, wanted: WantedRuns) -> bool:
    """Whether a row group's smallest and largest architecture and seed leave room for the runs."""
    group = parquet.metadata.row_group(number)
    ends: dict[str, tuple[object, object]] = {
        "architecture": (wanted.architecture, wanted.architecture),
        "seed": wanted.seeds,
    }
    return all(
        _overlap(group.column(parquet.schema_arrow.get_field_index(name)).statistics, *span)
        for name, span in ends.items()
    )


def _overlap(statistics: "pq.Statistics | None", low: object, high: object) -> bool:
    if statistics is None or not statistics.has_min_max:
        return True
    return bool(statistics.min <= high and low <= statistics.max)
