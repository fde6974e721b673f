"""A table as the files of its folder, and which row counts where several files have it.

    <run id>.parquet            one run, as it was stored when it ended
    <run id>-<time>.parquet     in `failures`: one failed attempt
    part-<random>.parquet       many of them, put together by `mnistcmp compact`

A part holds what single files held. While `compact` works, and where it was killed, a row stands in
both; it counts once, and a part's goes before a single file's. So a part takes effect in the moment
in which it appears, and nothing changes when the files that it replaces are deleted.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mnistcmp.results.location import THREADS, FileGoneError, Location
from mnistcmp.results.parquet import SUFFIX, opened, plain
from mnistcmp.results.schema import TABLES

PART = "part-"

REPEATED = {
    name: [f.name for f in schema if pa.types.is_string(f.type) and f.name != "traceback"]
    for name, schema in TABLES.items()
}
"""Columns of few different texts, at least within a file of few runs."""
REPEATED["runs"].remove("run_id")

ATTEMPTS = 3
"""Times that a folder is listed, where files that were listed are gone when they are read."""

_R = TypeVar("_R")


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A folder's files, in the order in which their rows count."""

    parts: tuple[str, ...]
    singles: tuple[str, ...]


def read_whole(read: Callable[[], _R]) -> _R:
    """Reads again from the start where files went while it read: a part has their rows now."""
    for _ in range(ATTEMPTS - 1):
        try:
            return read()
        except FileGoneError:
            continue
    return read()


class TableFiles:
    """The files of one table in one place."""

    def __init__(self, location: Location, name: str) -> None:
        self.name = name
        self.location = location

    def listing(self) -> Listing:
        """The files that are there now."""
        files = self.location.list(self.name, SUFFIX)
        return Listing(
            parts=tuple(file for file in files if file.startswith(PART)),
            singles=tuple(file for file in files if not file.startswith(PART)),
        )

    def read(self, columns: Sequence[str], *, dictionaries: bool = False) -> pa.Table:
        """Columns of all rows, each row once; `dictionaries`: repeated texts as such.

        Raises:
            UserError: A file cannot be read, or is not of this table.
        """
        return read_whole(lambda: self._read(columns, dictionaries=dictionaries))

    def _read(self, columns: Sequence[str], *, dictionaries: bool) -> pa.Table:
        files = self.listing()
        names = list(dict.fromkeys([*columns, *self._key_columns]))
        coded = [name for name in REPEATED[self.name] if name in names] if dictionaries else []
        parts = list(self.read_files(files.parts, names, coded))
        keys = [self.distinct_keys(part) for part in parts]
        parts = [self.without(part, e) for part, e in zip(parts, held_earlier(keys), strict=True)]
        superseded = self.superseded(files.singles, keys)
        singles = [single for single in files.singles if single not in superseded]
        fields = [TABLES[self.name].field(name) for name in names]
        schema = pa.schema([_coded(f) if f.name in coded else f for f in fields])
        rows = self.read_files(singles, names, coded)
        whole = pa.concat_tables([schema.empty_table(), *parts, *rows])
        return whole.select(list(columns)).unify_dictionaries()

    def run_ids(self) -> set[str]:
        """The runs that have rows here: single files are taken at their names."""
        return read_whole(self._run_ids)

    def _run_ids(self) -> set[str]:
        files = self.listing()
        ids = {file.removesuffix(SUFFIX) for file in files.singles}
        for part in self.read_files(files.parts, ["run_id"]):
            ids.update(pc.unique(part["run_id"]).to_pylist())
        return ids

    def part_keys(self, parts: Iterable[str]) -> Iterator[tuple[pa.Array, int]]:
        """Of each part its keys, each once, and the number of its rows."""
        coded = [name for name in REPEATED[self.name] if name == "run_id"]
        for part in self.read_files(parts, self._key_columns, coded):
            yield self.distinct_keys(part), len(part)

    def read_files(
        self, files: Iterable[str], columns: Sequence[str] | None, coded: Sequence[str] = ()
    ) -> Iterator[pa.Table]:
        """Each file's rows, in order, some files ahead of what is asked for."""
        waiting = iter(files)
        with ThreadPoolExecutor(THREADS) as pool:
            while ahead := list(islice(waiting, THREADS)):
                yield from pool.map(lambda file: self._read_file(file, columns, coded), ahead)

    def _read_file(
        self, file: str, columns: Sequence[str] | None, coded: Sequence[str]
    ) -> pa.Table:
        with self.opened(file, coded) as parquet:
            return plain(
                self.name, parquet.read(columns=None if columns is None else list(columns))
            )

    @contextmanager
    def opened(self, file: str, coded: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
        """A file to read from: a single one is read at once, of a part only what is asked for.

        Raises:
            UserError: It is not whole, or not of this table.
        """
        path = self.location.path(self.name, file)
        if file.startswith(PART):
            with (
                self.location.open(self.name, file) as source,
                opened(self.name, source, path, coded) as parquet,
            ):
                yield parquet
        else:
            content = pa.BufferReader(self.location.read(self.name, file))
            with opened(self.name, content, path, coded) as parquet:
                yield parquet

    def superseded(self, singles: Sequence[str], keys: Sequence[pa.Array]) -> set[str]:
        """The single files whose rows stand in parts, which have these keys."""
        known = pa.chunked_array(keys, pa.string())
        if not len(known) or not singles:
            return set()
        held = [file.removesuffix(SUFFIX) for file in singles]
        if self.name == "failures":
            # Attempts were once named by their run alone, and so are told apart by their content.
            rows = self.read_files(singles, self._key_columns)
            held = [next(iter(self.distinct_keys(single).to_pylist()), "") for single in rows]
        there = pc.is_in(pa.array(held, pa.string()), value_set=known).to_pylist()
        return {file for file, is_there in zip(singles, there, strict=True) if is_there}

    @property
    def _key_columns(self) -> tuple[str, ...]:
        return ("run_id", "failed_at") if self.name == "failures" else ("run_id",)

    def _keys(self, rows: pa.Table) -> pa.ChunkedArray:
        """What a row counts by: its run, in `failures` the attempt at it, with microseconds."""
        if self.name != "failures":
            return rows["run_id"]
        ids = rows["run_id"].cast(pa.string())
        times = rows["failed_at"].cast(pa.int64()).cast(pa.string())
        return pc.binary_join_element_wise(ids, times, "-")

    def distinct_keys(self, rows: pa.Table) -> pa.Array:
        """The rows' keys, each once."""
        return pc.unique(self._keys(rows)).cast(pa.string())

    def without(self, rows: pa.Table, keys: pa.Array) -> pa.Table:
        """The rows but those of some keys."""
        if not len(keys):
            return rows
        return rows.filter(pc.invert(pc.is_in(self._keys(rows).cast(pa.string()), value_set=keys)))


def failure_file(run_id: str, microseconds: int) -> str:
    """The file of a failed attempt: no other attempt's, so that none is ever written over."""
    return f"{run_id}-{microseconds}{SUFFIX}"


def held_earlier(keys: Sequence[pa.Array]) -> list[pa.Array]:
    """For each of several files, whose rows have these keys, those keys that an earlier one has."""
    none = pa.array([], pa.string())
    earlier = [none for _ in keys]
    numbers = [pa.repeat(pa.scalar(n, pa.int32()), len(of)) for n, of in enumerate(keys)]
    held = pa.table(
        {
            "key": pa.chunked_array(keys, pa.string()),
            "file": pa.chunked_array(numbers, pa.int32()),
        }
    )
    if pc.count_distinct(held["key"]).as_py() == len(held):
        return earlier
    holders = held.group_by("key").aggregate([("file", "min"), ("file", "count")])
    shared = holders.filter(pc.greater(holders["file_count"], 1))
    for number, of in enumerate(keys):
        before = shared.filter(pc.less(shared["file_min"], number))["key"]
        earlier[number] = of.filter(pc.is_in(of, value_set=before))
    return earlier


def _coded(field: pa.Field) -> pa.Field:
    return field.with_type(pa.dictionary(pa.int32(), pa.string()))
