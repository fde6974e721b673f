"""Damaged files of a results folder are set aside; the next launch trains their runs again."""

from mnistcmp.results import weights
from mnistcmp.results.location import DamagedFileError, FileGoneError
from mnistcmp.results.parquet import SUFFIX
from mnistcmp.results.reading import in_order, read_file
from mnistcmp.results.schema import TABLES
from mnistcmp.results.store import LAUNCHES, ResultsStore

FOLDER = "damaged"


def set_aside(store: ResultsStore, *, with_weights: bool = False) -> str | None:
    """Moves what is damaged into `damaged`, with what else the same task gave back.

    Every file is read whole, against its checksums.

    Args:
        store: Where the results are.
        with_weights: Whether runs are trained again for their weights. Damaged weights stay where
            they are otherwise, until a launch makes them anew.

    Returns:
        What was moved and which runs it was of, in a line; None where nothing was damaged.

    Raises:
        UserError: The place cannot be read or written.
    """
    files = [(table, file) for table in TABLES for file in store.location.list(table, SUFFIX)]
    files += [(LAUNCHES, file) for file in store.location.list(LAUNCHES, ".toml")]
    if with_weights:
        stored = store.location.list(weights.FOLDER, weights.SUFFIX)
        files += [(weights.FOLDER, file) for file in stored]
    looked = in_order(lambda each: _run_ids(store, *each), files)
    found = dict(zip(files, looked, strict=True))
    names = {file for (_, file), run_ids in found.items() if run_ids is None}
    if not names:
        return None
    # Weights are of one run, and what gave them back made a file of several.
    alone = {file.removesuffix(weights.SUFFIX) for file in names}
    of_runs = [(file, of) for (table, file), of in found.items() if table == "runs" and of]
    names |= {file for file, of in of_runs if alone & of}
    run_ids = {r for (_, file), of in found.items() if file in names for r in of or ()}
    # What makes runs count goes first, and what is left of them is torn until they are trained.
    for table, file in sorted(files, key=lambda each: each[0] != "runs"):
        if file in names:
            store.location.move(table, file, f"{FOLDER}/{table}")
    where = f"{store.location.path(FOLDER)}: {', '.join(sorted(names))}"
    if not any(file.endswith((SUFFIX, weights.SUFFIX)) for file in names):
        return f"Damaged, and set aside in {where}. No run has to be trained again for it."
    of = f"the runs {', '.join(sorted(run_ids))}" if run_ids else "runs that it does not tell"
    return f"Damaged, and set aside in {where}, with {of}. They are trained again."


def _run_ids(store: ResultsStore, folder: str, file: str) -> set[str] | None:
    """Of a file that is whole; None of one that is not."""
    try:
        if folder == LAUNCHES:
            store.read_launch(file)
            return set()
        if folder == weights.FOLDER:
            return {store.read_weights(file.removesuffix(weights.SUFFIX)).run.run_id}
        rows = read_file(store.location, folder, file, TABLES[folder].names)
    except DamagedFileError:
        return None
    except FileGoneError:
        return set()
    return set(rows["run_id"].to_pylist())
