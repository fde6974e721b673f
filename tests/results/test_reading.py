"""The rows of some runs, out of the tables of many."""

import pytest

from mnistcmp.errors import UserError
from mnistcmp.results.reading import read_details
from mnistcmp.results.store import ResultsStore
from tests.support.stored import folder_of

COLUMNS = ("seed", "epoch", "validation_loss")


def _runs(store: ResultsStore, architecture: str, *seeds: int) -> dict[str, str]:
    rows = store.read("runs", ["run_id", "architecture", "seed", "file"]).to_pylist()
    chosen = {row["seed"]: row for row in rows if row["architecture"] == architecture}
    return {chosen[seed]["run_id"]: chosen[seed]["file"] for seed in seeds}


def test_each_run_s_rows_come_in_the_order_asked_for(store: ResultsStore) -> None:
    """And with the columns asked for, though both runs stand in one file."""
    tables = read_details(store.location, "epochs", _runs(store, "baseline", 1, 0), COLUMNS)
    assert [table["seed"].to_pylist() for table in tables] == [[1], [0]]
    assert all(table.schema.names == list(COLUMNS) for table in tables)


def test_runs_of_several_files_come_together(store: ResultsStore) -> None:
    """The rows are those of the whole table."""
    wanted = _runs(store, "siamese-shared-aux", 0) | _runs(store, "baseline", 1)
    pairs = read_details(store.location, "predictions", wanted, ["run_id", "pair", "probability"])
    whole = store.read("predictions", ["run_id", "pair", "probability"]).to_pylist()
    for run_id, table in zip(wanted, pairs, strict=True):
        assert table.to_pylist() == [row for row in whole if row["run_id"] == run_id]


def test_other_runs_files_are_not_opened(store: ResultsStore) -> None:
    """One that is broken stands in nobody's way."""
    wanted = _runs(store, "baseline", 1)
    for path in folder_of(store, "epochs").iterdir():
        if path.name not in wanted.values():
            path.write_bytes(b"broken")
    assert len(read_details(store.location, "epochs", wanted, COLUMNS)) == 1


def test_a_run_without_its_rows_is_named(store: ResultsStore) -> None:
    """A finished run's details were taken away: one line says so, and which file to move."""
    [(run_id, file)] = _runs(store, "baseline", 0).items()
    (folder_of(store, "epochs") / file).unlink()
    message = f"no rows of the finished run {run_id}. Move the file {file} in 'runs' away"
    with pytest.raises(UserError, match=message):
        read_details(store.location, "epochs", {run_id: file}, COLUMNS)
