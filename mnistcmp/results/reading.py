"""The rows of a table, or of some runs, out of the files of its folder."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from psutil import virtual_memory

from mnistcmp.errors import UserError
from mnistcmp.results.location import THREADS, FileGoneError, Location
from mnistcmp.results.parquet import decode, read_schema
from mnistcmp.results.schema import TABLES
from mnistcmp.results.values import check_values

_T = TypeVar("_T")
_R = TypeVar("_R")


def read_file(
    location: Location, name: str, file: str, columns: Sequence[str], coded: Collection[str] = ()
) -> pa.Table:
    """Columns of one file of a table.

    Raises:
        FileGoneError: It is not there.
        UserError: It cannot be read, or is not of this table.
    """
    content = location.read(name, file)
    return decode(name, content, location.path(name, file), columns, coded)


def read_files(
    location: Location,
    name: str,
    files: Iterable[str],
    columns: Sequence[str],
    *,
    dictionaries: bool = False,
) -> pa.Table:
    """Columns of all rows of some files; `dictionaries`: texts that repeat are read as such.

    Raises:
        UserError: A file cannot be read, or is not of this table.
    """
    repeat = [f.name for f in TABLES[name] if f.type == pa.string() and f.name != "traceback"]
    coded = [c for c in columns if dictionaries and c in repeat and (name, c) != ("runs", "run_id")]
    tables, room = [read_schema(name, columns, coded).empty_table()], virtual_memory().total / 2
    for table in in_order(lambda file: read_file(location, name, file, columns, coded), files):
        tables.append(table)
        room -= table.nbytes
        if room < 0:
            raise UserError(
                f"{location.path(name)} would take more than half of this machine's memory. Read "
                "it on a larger one, if these are results that you trust."
            )
    rows = pa.concat_tables(tables).unify_dictionaries()
    check_values(name, rows, location.path(name))
    return rows


def read_details(
    location: Location, name: str, runs: Mapping[str, str], columns: Sequence[str]
) -> list[pa.Table]:
    """Columns of `epochs` or `predictions`: a table for each of some runs, in their order.

    Only the files that these runs stand in are opened.

    Args:
        location: Where the results are.
        name: The table's.
        runs: Each run's id, and the `file` that its row in `runs` stands in.
        columns: Those to read.

    Raises:
        UserError: A run has no rows, or a file cannot be read.
    """
    wanted = list(dict.fromkeys([*columns, "run_id"]))

    def read(file: str) -> pa.Table | None:
        try:
            rows = read_file(location, name, file, wanted)
        except FileGoneError:
            return None
        check_values(name, rows, location.path(name, file))
        return rows

    files = list(dict.fromkeys(runs.values()))
    tables = dict(zip(files, in_order(read, files), strict=True))
    found: dict[str, pa.Table] = {}
    for run_id, file in runs.items():
        if (rows := tables[file]) is not None:
            rows = rows.filter(pc.equal(rows["run_id"], run_id))
            if len(rows):
                found[run_id] = rows.select(list(columns))
    lost = [run_id for run_id in runs if run_id not in found]
    if lost:
        raise UserError(
            f"{location.path(name)} has no rows of the finished run {lost[0]}"
            f"{f' and {len(lost) - 1} more' if len(lost) > 1 else ''}. Move the file "
            f"{runs[lost[0]]} in 'runs' away and launch again, which trains its runs anew."
        )
    return list(found.values())


def in_order(function: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[_R]:
    """What a function gives for each item, some items ahead of what is asked for."""
    waiting = iter(items)
    with ThreadPoolExecutor(THREADS) as pool:
        while ahead := list(islice(waiting, THREADS)):
            yield from pool.map(function, ahead)
