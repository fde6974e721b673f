"""The rows of some runs, out of the tables of very many."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from mnistcmp.errors import UserError
from mnistcmp.results.location import FileGoneError
from mnistcmp.results.reading import in_order, read_file
from mnistcmp.results.store import ResultsStore


def read_details(
    store: ResultsStore, name: str, runs: Mapping[str, str], columns: Sequence[str]
) -> list[pa.Table]:
    """Columns of `epochs` or `predictions`: a table for each of some runs, in their order.

    Only the files that these runs stand in are opened.

    Args:
        store: The results.
        name: The table's.
        runs: Each run's id, and the `file` that its row in `runs` stands in.
        columns: Those to read.

    Raises:
        UserError: A run has no rows, or a file cannot be read.
    """
    wanted = list(dict.fromkeys([*columns, "run_id"]))

    def read(file: str) -> pa.Table | None:
        try:
            return read_file(store.location, name, file, wanted)
        except FileGoneError:
            return None

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
            f"{store.location.path(name)} has no rows of the finished run {lost[0]}"
            f"{f' and {len(lost) - 1} more' if len(lost) > 1 else ''}. Move the file "
            f"{runs[lost[0]]} in 'runs' away and launch again, which trains its runs anew."
        )
    return list(found.values())
