"""The rows of a table, out of the files of its folder."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import pyarrow as pa

from mnistcmp.results.location import THREADS, Location
from mnistcmp.results.parquet import decode, read_schema
from mnistcmp.results.schema import TABLES

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
    tables = in_order(lambda file: read_file(location, name, file, columns, coded), files)
    none = read_schema(name, columns, coded).empty_table()
    return pa.concat_tables([none, *tables]).unify_dictionaries()


def in_order(function: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[_R]:
    """What a function gives for each item, some items ahead of what is asked for."""
    waiting = iter(items)
    with ThreadPoolExecutor(THREADS) as pool:
        while ahead := list(islice(waiting, THREADS)):
            yield from pool.map(function, ahead)
