"""The tables as CSV files."""

from pathlib import Path

from mnistcmp.errors import UserError
from mnistcmp.results.copies import write_csv
from mnistcmp.results.schema import TABLES
from mnistcmp.results.store import ResultsStore


def export_csv(store: ResultsStore, folder: Path) -> dict[str, int]:
    """Writes a file for each table, in place of an earlier one; the number of rows of each.

    Raises:
        UserError: There are no results, or the folder cannot be written.
    """
    store.check_exists()
    rows: dict[str, int] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in TABLES:
            table = store.read(name)
            temporary = folder / f".{name}.csv.tmp"
            write_csv(table, temporary)
            temporary.replace(folder / f"{name}.csv")
            rows[name] = len(table)
    except OSError as error:
        raise UserError(
            f"cannot write to the folder {folder}: {error.strerror}. Choose another with --output."
        ) from error
    return rows
