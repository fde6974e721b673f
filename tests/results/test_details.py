"""The rows of some runs, out of the tables of many."""

from pathlib import Path

import pytest

from mnistcmp.errors import UserError
from mnistcmp.results.compaction import compact
from mnistcmp.results.details import WantedRuns, read_details
from mnistcmp.results.store import ResultsStore

COLUMNS = ("seed", "epoch", "validation_loss")


def _wanted(store: ResultsStore, seeds: tuple[int, ...]) -> WantedRuns:
    runs = store.read("runs").to_pandas().query("architecture == 'baseline'").sort_values("seed")
    chosen = runs[runs["seed"].isin(seeds)]
    return WantedRuns(
        run_ids=tuple(chosen["run_id"]), architecture="baseline", seeds=(min(seeds), max(seeds))
    )


def test_each_run_s_rows_come_in_the_order_asked_for(store: ResultsStore) -> None:
    """And with the columns asked for."""
    wanted = _wanted(store, (0, 1))
    tables = read_details(store, "epochs", wanted, COLUMNS)
    assert [table["seed"].to_pylist() for table in tables] == [[0], [1]]
    assert all(table.schema.names == list(COLUMNS) for table in tables)


def test_it_does_not_matter_where_they_stand(store: ResultsStore) -> None:
    """In files of their own, in a part, or in both."""
    wanted = _wanted(store, (0, 1))
    folder = Path(store.location.name) / "epochs"
    single = folder / f"{wanted.run_ids[0]}.parquet"
    content = single.read_bytes()
    before = read_details(store, "epochs", wanted, COLUMNS)
    compact(store)
    assert len(list(folder.iterdir())) == 1
    assert read_details(store, "epochs", wanted, COLUMNS) == before
    single.write_bytes(content)
    assert read_details(store, "epochs", wanted, COLUMNS) == before


def test_other_runs_files_are_not_opened(store: ResultsStore) -> None:
    """One that is broken stands in nobody's way."""
    wanted = _wanted(store, (1,))
    for path in (Path(store.location.name) / "epochs").iterdir():
        if path.stem not in wanted.run_ids:
            path.write_bytes(b"broken")
    assert len(read_details(store, "epochs", wanted, COLUMNS)) == 1


def test_a_run_without_its_rows_is_named(store: ResultsStore) -> None:
    """A finished run's details were taken away."""
    wanted = _wanted(store, (0,))
    (Path(store.location.name) / "epochs" / f"{wanted.run_ids[0]}.parquet").unlink()
    with pytest.raises(UserError, match=f"no rows of the finished run {wanted.run_ids[0]}"):
        read_details(store, "epochs", wanted, COLUMNS)
