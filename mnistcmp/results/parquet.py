"""One Parquet file of a table: how it is written, and what is checked where it is read."""

import posixpath
from collections.abc import Collection, Iterable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mnistcmp.errors import UserError
from mnistcmp.provenance import environment
from mnistcmp.results.location import DamagedFileError
from mnistcmp.results.schema import IDENTITY, SCHEMA_VERSION, TABLES
from mnistcmp.results.values import refuse_nulls

SUFFIX = ".parquet"
FILE = "file"
"""A column that can be asked for beside a table's own: the name of the file that a row stands in.
What a task gave back stands in files of one name, one in each table's folder."""


LARGEST = 2**30
"""Bytes in memory of what a task gave back: of thirty million predictions, which no task makes."""
WIDEST = 8
"""Bytes of a number, a time or a text's place in a dictionary."""
_PREFIX = "mnistcmp."
_REPEATING = (pa.string(), pa.int8(), pa.int64())
"""Types of names, digits and seeds."""


def encode(table: pa.Table) -> bytes:
    """A table's rows as a file, whose footer says what they are of."""
    here = environment()
    said = {
        "schema_version": str(SCHEMA_VERSION),
        "version": here.mnistcmp,
        "git_revision": here.git_revision or "",
    }
    for column in ("study", "recipe_hash"):
        said[column] = ", ".join(sorted(pc.unique(table[column]).to_pylist()))
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.replace_schema_metadata({_PREFIX + key: text for key, text in said.items()}),
        sink,
        compression="zstd",
        write_page_checksum=True,
        # These repeat; measurements do not, and a dictionary of them is in the way.
        use_dictionary=[f.name for f in table.schema if f.type in _REPEATING],
    )
    return bytes(sink.getvalue())


def decode(
    name: str, content: pa.Buffer, path: str, columns: Iterable[str], coded: Collection[str] = ()
) -> pa.Table:
    """Columns of a file of the table of that name; one that came after the file is null.

    Args:
        name: The table's.
        content: The file's.
        path: Where it stands.
        columns: Those to read, of the table or `FILE`.
        coded: Those of them to read as dictionaries.

    Raises:
        DamagedFileError: It is not whole, or was altered.
        UserError: It is of another schema version, or not of that table.
    """
    schema = read_schema(name, columns, coded)
    try:
        about = pq.read_metadata(pa.BufferReader(content))
        _check(name, about, path)
        there = set(about.schema.names)
        wanted = [column for column in schema.names if column in there] or ["run_id"]
        _refuse_large(about, len(schema), path)
        rows = pq.ParquetFile(
            pa.BufferReader(content),
            metadata=about,
            page_checksum_verification=True,
            # A text that a million rows repeat is there once, until it is known how long it is.
            read_dictionary=[c for c in wanted if TABLES[name].field(c).type == pa.string()],
        ).read(columns=wanted)
        rows.validate(full=True)
        if rows.num_rows != about.num_rows:
            raise pa.ArrowInvalid("other rows than the footer says")
        refuse_nulls(name, rows, path)
        arrays = [
            _uncoded(rows[f.name], f.type, path) if f.name in there else pa.nulls(len(rows), f.type)
            for f in schema
        ]
    # Arrow decodes names of its own accord.
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise DamagedFileError(
            f"cannot read {path}: it is not a whole Parquet file. Launch again, which sets it "
            "aside and trains its runs anew."
        ) from error
    if FILE in schema.names:
        place = pa.repeat(pa.scalar(0, pa.int32()), len(rows))
        file_name = pa.DictionaryArray.from_arrays(place, [posixpath.basename(path)])
        arrays[schema.get_field_index(FILE)] = file_name
    return pa.Table.from_arrays(arrays, schema=schema)


def read_schema(name: str, columns: Iterable[str], coded: Collection[str] = ()) -> pa.Schema:
    """The columns as they are read: a column may be null, since an older file may lack it."""
    code = pa.dictionary(pa.int32(), pa.string())
    coded = {FILE, *coded}
    return pa.schema([(c, code if c in coded else TABLES[name].field(c).type) for c in columns])


def _refuse_large(about: pq.FileMetaData, columns: int, path: str) -> None:
    """A small file may say that it has a billion rows, and have them, all alike."""
    # Not column by column: Arrow dies of a group that has fewer than the footer says.
    groups = range(about.num_row_groups)
    unpacked = sum(about.row_group(number).total_byte_size for number in groups)
    if max(unpacked, WIDEST * about.num_rows * columns) > LARGEST:
        raise _too_large(path)


def _uncoded(column: pa.ChunkedArray, type_: pa.DataType, path: str) -> pa.ChunkedArray:
    """A column of texts as such, where it was read as a dictionary and is not to be one."""
    if column.type == type_:
        return column
    lengths = (pc.take(pc.binary_length(c.dictionary), c.indices) for c in column.chunks)
    if sum(pc.sum(of).as_py() or 0 for of in lengths) > LARGEST:
        raise _too_large(path)
    return column.cast(type_)


def _too_large(path: str) -> UserError:
    return UserError(
        f"{path} would take more than {LARGEST // 2**30} GiB of memory, far more than a task gives "
        "back. Take results that you trust."
    )


def _check(name: str, about: pq.FileMetaData, path: str) -> None:
    said = about.metadata or {}
    version = said.get(f"{_PREFIX}schema_version".encode(), b"").decode(errors="replace")
    if version != str(SCHEMA_VERSION):
        writer = said.get(f"{_PREFIX}version".encode(), b"").decode(errors="replace")
        raise UserError(
            f"{path} is of results schema {version or 'unknown'}"
            f"{f', written by mnistcmp {writer}' if writer else ''}; this mnistcmp reads schema "
            f"{SCHEMA_VERSION}. Choose another folder, or the mnistcmp that wrote it."
        )
    fields = list(about.schema.to_arrow_schema())
    stored = {(f.name, f.type) for f in fields}
    known = {(f.name, f.type) for f in TABLES[name]}
    needed = {(f.name, f.type) for f in IDENTITY}
    if not needed <= stored <= known or len(stored) < len(fields):
        raise UserError(
            f"{path} does not have the columns of the table '{name}' (docs/results.md). "
            "Move it away and launch again."
        )
