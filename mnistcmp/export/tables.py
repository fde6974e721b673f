"""Each table as one file, for programs that want CSV, or one Parquet file in place of many."""

from pathlib import Path
from typing import Literal

from mnistcmp.files import whole_file
from mnistcmp.results.copies import write_copy
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
    for name in TABLES:
        table, file = store.read(name), f"{name}.{form}"
        with whole_file(folder / file, "the table") as path:
            write_copy(table, path, form)
        rows[file] = len(table)
    return rows
