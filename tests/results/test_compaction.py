"""Putting small files together: no row changes, and files become few."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnistcmp.cluster.events import Reported
from mnistcmp.cluster.launch import Launch
from mnistcmp.cluster.places import JoinedPlace
from mnistcmp.errors import UserError
from mnistcmp.results.compaction import compact
from mnistcmp.results.outcome import Finished
from mnistcmp.results.schema import TABLES
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.study import Run, Study
from tests.support.servers import S3Server
from tests.support.stored import content_of, files_of, folder_of, store_failure
from tests.support.synthetic import fill

Finish = Callable[[Run], Finished]


def _ask(query: str) -> pa.Table:
    answer = duckdb.sql(query)
    assert answer is not None
    return answer.to_arrow_table()


@pytest.fixture
def failing(store: ResultsStore, study: Study) -> ResultsStore:
    """Four finished runs and two that failed, one of them twice."""
    store_failure(store, study, 7)
    store_failure(store, study, 8, minutes=1)
    store_failure(store, study, 8, minutes=2)
    return store


def test_compacting_changes_no_row_and_leaves_few_files(failing: ResultsStore) -> None:
    """One file a table, and what is read is what was read."""
    before = content_of(failing)
    done = compact(failing)
    files = [(table.before, table.after) for table in done]
    assert files == [(4, 1), (0, 0), (4, 1), (4, 1), (3, 1)]
    assert len(files_of(failing)) == 4
    assert content_of(failing) == before
    assert failing.missing() == ()


@pytest.mark.parametrize("name", [name for name in TABLES if name != "rounds"])
def test_other_libraries_see_every_row_once(failing: ResultsStore, name: str) -> None:
    """A glob over the folder gives after compacting what it gave before."""
    query = f"SELECT * FROM '{folder_of(failing)}/{name}/*.parquet' ORDER BY ALL"  # noqa: S608
    before = _ask(query)
    compact(failing)
    assert _ask(query) == before


def test_compacting_again_does_nothing(failing: ResultsStore) -> None:
    """Not a file is written, renamed or deleted."""
    compact(failing)
    before = files_of(failing)
    assert [table.rows for table in compact(failing)] == [0] * 5
    assert files_of(failing) == before


def test_what_came_since_is_put_to_the_rest(store: ResultsStore, study: Study) -> None:
    """There is one file again; the latest failure of a run counts."""
    store_failure(store, study, 8)
    compact(store)
    store_failure(store, study, 8, minutes=5)
    assert store.read("failures")["error"].to_pylist() == ["ValueError: 5"]
    compact(store)
    assert len(files_of(store)) == 4
    assert store.read("failures")["error"].to_pylist() == ["ValueError: 5"]


def test_full_parts_stay_as_they_are(store: ResultsStore, study: Study, finish: Finish) -> None:
    """Only what is not full is written again."""
    compact(store, rows_per_part=2)
    expected = content_of(store)
    before = files_of(store)
    assert sorted(file.split("/")[0] for file in before).count("runs") == 2
    run = dataclasses.replace(study.runs()[0], seed=5)
    store.write_finished(study.name, dataclasses.replace(finish(study.runs()[0]), run=run))
    compact(store, rows_per_part=2)
    assert before.items() <= files_of(store).items()
    assert len(store.read("runs")) == len(expected["runs"]) + 1


def test_a_launch_after_compacting_trains_nothing(store: ResultsStore, study: Study) -> None:
    """It starts no Ray and reads no data; it reports."""
    compact(store)
    (only,) = JoinedPlace().run(Launch(study=study, output=store.location.name))
    assert isinstance(only, Reported)
    assert only.trained == 0


def test_details_of_runs_that_have_not_finished_are_left_alone(store: ResultsStore) -> None:
    """Their launch may be about to store the run."""
    lost = min(folder_of(store, "runs").glob("*.parquet"))
    lost.unlink()
    compact(store)
    for name in ("epochs", "predictions"):
        assert (folder_of(store, name) / lost.name).exists()
        assert len(list(folder_of(store, name).iterdir())) == 2


def test_files_as_the_first_version_wrote_them_are_read_and_put_together(
    failing: ResultsStore, study: Study
) -> None:
    """With the schema's version alone in the footer, and one failure a run, named by it."""
    expected = content_of(failing)
    for path in folder_of(failing).rglob("*.parquet"):
        table = pq.read_table(path)
        path.unlink()
        old = path.with_name(f"{table['run_id'][0]}.parquet")
        version = {"mnistcmp.schema_version": "1"}
        test = {"test_loss", "test_accuracy"}
        fields = [f.with_nullable(f.nullable and f.name not in test) for f in table.schema]
        pq.write_table(table.cast(pa.schema(fields, metadata=version)), old)
    assert content_of(failing) == expected
    store_failure(failing, study, 7, minutes=9)
    compact(failing)
    assert len(files_of(failing)) == 4
    assert failing.read("failures")["error"].to_pylist() == ["ValueError: 2", "ValueError: 9"]


def test_a_part_of_another_schema_is_refused(store: ResultsStore) -> None:
    """The line says which mnistcmp wrote it."""
    compact(store)
    (part,) = folder_of(store, "runs").glob("part-*.parquet")
    newer = {b"mnistcmp.schema_version": b"3", b"mnistcmp.version": b"9.0"}
    pq.write_table(pq.read_table(part).replace_schema_metadata(newer), part)
    with pytest.raises(UserError, match=r"schema 3, written by mnistcmp 9\.0; this mnistcmp reads"):
        store.read("runs")


def test_results_in_a_bucket_are_put_together(
    s3_server: S3Server, study: Study, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a folder."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    store = ResultsStore(f"s3://{s3_server.make_bucket()}/table1")
    store.prepare(study)
    for run in study.runs():
        store.write_finished(study.name, finish(run))
    store_failure(store, study, 9)
    expected = content_of(store)
    assert [table.after for table in compact(store)] == [1, 0, 1, 1, 1]
    assert content_of(store) == expected
    assert store.missing() == ()
    assert [table.rows for table in compact(store)] == [0] * 5


def test_made_up_runs_are_those_of_the_study(tmp_path: Path) -> None:
    """What is measured with them is what a real study would take; five to a file are a part."""
    fill(tmp_path, 10, per_file=5)
    store = ResultsStore(tmp_path)
    assert store.missing() == ()
    compact(store)
    assert len(store.read("runs")) == 10
