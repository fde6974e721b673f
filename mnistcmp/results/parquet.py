"""One Parquet file of a table: how it is written, and what is checked where it is read."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mnistcmp.errors import UserError
from mnistcmp.provenance import environment
from mnistcmp.results.schema import READABLE, SCHEMA_VERSION, TABLES

SUFFIX = ".parquet"
ROWS_PER_GROUP = 2**17
"""Rows that are compressed together, and skipped together by a reader that wants none of them."""

_PREFIX = "mnistcmp."


class TableWriter:
    """Writes rows of one table to an open file, and says in its footer what they are of."""

    def __init__(self, name: str, target: "BinaryIO | pa.NativeFile") -> None:
        self.rows = self._written = 0
        self._waiting: list[pa.Table] = []
        here = environment()
        static = {
            "schema_version": str(SCHEMA_VERSION),
            "version": here.mnistcmp,
            "git_revision": here.git_revision or "",
        }
        self._of: dict[str, set[str]] = {"study": set(), "recipe_hash": set()}
        schema = TABLES[name]
        self._writer = pq.ParquetWriter(
            target,
            schema.with_metadata({_PREFIX + key: text for key, text in static.items()}),
            compression="zstd",
            # Names and hashes repeat; measurements do not, and a dictionary of them is in the way.
            use_dictionary=[f.name for f in schema if pa.types.is_string(f.type)],
        )

    def write(self, rows: pa.Table) -> None:
        """Adds rows."""
        self.rows += len(rows)
        self._waiting.append(rows)
        if self.rows - self._written >= ROWS_PER_GROUP:
            self._write_waiting()

    def _write_waiting(self) -> None:
        rows = pa.concat_tables(self._waiting)
        self._waiting, self._written = [], self.rows
        self._writer.write_table(rows, row_group_size=ROWS_PER_GROUP)
        for column, values in self._of.items():
            values.update(pc.unique(rows[column]).to_pylist())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Writes the footer; without it, the file is none."""
        if self._waiting:
            self._write_waiting()
        said = {_PREFIX + column: ", ".join(sorted(values)) for column, values in self._of.items()}
        self._writer.add_key_value_metadata(said)
        self._writer.close()


def encode(name: str, table: pa.Table) -> pa.Buffer:
    """The table of that name as a Parquet file."""
    sink = pa.BufferOutputStream()
    with TableWriter(name, sink) as writer:
        writer.write(table)
    return sink.getvalue()


@contextmanager
def opened(
    name: str,
    source: "pa.NativeFile | pa.BufferReader",
    path: str,
    dictionaries: Iterable[str] = (),
) -> Iterator[pq.ParquetFile]:
    """A file of that table to read from; `path` names it in errors, those of the block too.

    Raises:
        UserError: It is not whole, of another schema version, or not of that table.
    """
    try:
        file = pq.ParquetFile(source, read_dictionary=list(dictionaries), pre_buffer=True)
        _check(name, file, path)
        yield file
    except (OSError, pa.ArrowException) as error:
        raise UserError(
            f"cannot read {path}: it is not a whole Parquet file. Move it away and launch "
            "again, which trains its runs anew."
        ) from error


def plain(name: str, rows: pa.Table) -> pa.Table:
    """The rows of a table's file without what those of several files would not share.

    That is the file's metadata and, in files of an older schema, which columns may be null.
    """
    fields = [f.with_nullable(TABLES[name].field(f.name).nullable) for f in rows.schema]
    return pa.Table.from_arrays(rows.columns, schema=pa.schema(fields))


def _check(name: str, file: pq.ParquetFile, path: str) -> None:
    said = file.metadata.metadata or {}
    version = said.get(f"{_PREFIX}schema_version".encode(), b"").decode(errors="replace")
    if version not in {str(readable) for readable in READABLE}:
        writer = said.get(f"{_PREFIX}version".encode(), b"").decode(errors="replace")
        raise UserError(
            f"{path} is of results schema {version or 'unknown'}"
            f"{f', written by mnistcmp {writer}' if writer else ''}; this mnistcmp reads schemas "
            f"{' and '.join(map(str, sorted(READABLE)))}. Choose another folder, or the mnistcmp "
            "that wrote it."
        )
    stored = {f.name: _plain(f.type) for f in file.schema_arrow}
    if stored != {f.name: f.type for f in TABLES[name]}:
        raise UserError(
            f"{path} does not have the columns of the table '{name}' (docs/results.md). "
            "Move it away and launch again."
        )


def _plain(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_
