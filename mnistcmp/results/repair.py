"""Damaged files of a results folder are set aside; the next launch trains their runs again."""

from mnistcmp.results.location import FileGoneError
from mnistcmp.results.parquet import SUFFIX, DamagedFileError
from mnistcmp.results.reading import in_order, read_file
from mnistcmp.results.schema import TABLES
from mnistcmp.results.store import ResultsStore

FOLDER = "damaged"


def set_aside(store: ResultsStore) -> str | None:
    """Moves what is damaged into `damaged`, with what else the same task gave back.

    Every file is read whole, against its checksums.

    Returns:
        What was moved and which runs it was of, in a line; None where nothing was damaged.

    Raises:
        UserError: The place cannot be read or written.
    """
    files = [(t, file) for t in TABLES for file in store.location.list(t, SUFFIX)]
    looked = in_order(lambda each: _run_ids(store, *each), files)
    found = dict(zip(files, looked, strict=True))
    names = {file for (_, file), run_ids in found.items() if run_ids is None}
    if not names:
        return None
    run_ids = {r for (_, file), of in found.items() if file in names for r in of or ()}
    # What makes runs count goes first, and what is left of them is torn until they are trained.
    for table, file in sorted(files, key=lambda each: each[0] != "runs"):
        if file in names:
            store.location.move(table, file, f"{FOLDER}/{table}")
    of = f"the runs {', '.join(sorted(run_ids))}" if run_ids else "runs that it does not tell"
    where = f"{store.location.path(FOLDER)}: {', '.join(sorted(names))}"
    return f"Damaged, and set aside in {where}, with {of}. They are trained again."


def _run_ids(store: ResultsStore, table: str, file: str) -> set[str] | None:
    """Of a file that is whole; None of one that is not."""
    try:
        rows = read_file(store.location, table, file, TABLES[table].names)
    except DamagedFileError:
        return None
    except FileGoneError:
        return set()
    return set(rows["run_id"].to_pylist())
