"""Each table as one file, for programs that want CSV, or one Parquet file in place of many."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from mnistcmp.errors import UserError
from mnistcmp.results.copies import write_csv, write_parquet
from mnistcmp.results.schema import TABLES
from mnistcmp.results.store import ResultsStore


def export_tables(
    store: ResultsStore, folder: Path, form: Literal["csv", "parquet"]
) -> dict[str, int]:
    """Writes a file for each table, in place of an earlier one.

    Returns:
        The name of each file, and how many rows it has.

    Raises:
        UserError: There are no results, or the folder cannot be written.
    """
    store.check_exists()
    rows: dict[str, int] = {}
    write = write_csv if form == "csv" else write_parquet
    with written_into(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in TABLES:
            table, file = store.read(name), f"{name}.{form}"
            temporary = folder / f".{file}.tmp"
            write(table, temporary)
            temporary.replace(folder / file)
            rows[file] = len(table)
    return rows


@contextmanager
def written_into(folder: Path) -> Iterator[None]:
    """Where files are written into a folder.

    Raises:
        UserError: It cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write to the folder {folder}: {error.strerror}. Choose another with --output."
        ) from error
