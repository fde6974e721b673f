"""At every moment, of every run that counts each row is there once."""

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from mnistcmp.errors import UserError
from mnistcmp.results.location import Location
from mnistcmp.results.outcome import Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.study import Run, Study
from tests.support.stored import content_of, folder_of
from tests.support.synthetic import fill

Finish = Callable[[Run], Finished]


class Killed(BaseException):
    """Stands for the end of the process."""


def _die_at(monkeypatch: pytest.MonkeyPatch, moment: int) -> None:
    """Ends the process before its nth change of the folder: a file appears, or is deleted."""
    count = 0
    delete, rename = Location.delete, Path.replace

    def step() -> None:
        nonlocal count
        if count == moment:
            raise Killed
        count += 1

    def deleting(self: Location, folder: str, name: str) -> None:
        step()
        delete(self, folder, name)

    def replacing(self: Path, target: Path) -> Path:
        step()
        return rename(self, target)

    monkeypatch.setattr(Location, "delete", deleting)
    monkeypatch.setattr(Path, "replace", replacing)


def test_killed_at_any_moment_runs_are_there_whole_or_not_at_all(
    tmp_path: Path, study: Study, finish: Finish
) -> None:
    """Then the next launch, whose stacks are others, leaves each row once, for any reader."""
    runs = study.runs()
    whole = ResultsStore(tmp_path / "whole")
    whole.prepare(study)
    for run in runs:
        whole.write(pack(study.name, [finish(run)]))
    expected = content_of(whole)
    for moment in range(20):
        store = ResultsStore(tmp_path / str(moment))
        store.prepare(study)
        store.write(pack(study.name, [finish(runs[0])]))
        with pytest.MonkeyPatch.context() as patch:
            _die_at(patch, moment)
            try:
                store.write(pack(study.name, [finish(run) for run in runs[1:]]))
            except Killed:
                finished = False
            else:
                finished = True
        assert len(store.missing(runs)) == (0 if finished else 3)
        _check_whole(store, 4 if finished else 1, study.recipe.test_pairs)
        if finished:
            break
        again = ResultsStore(store.location.name)
        again.prepare(study)
        for stack in (runs[1:3], runs[3:]):
            again.write(pack(study.name, [finish(run) for run in stack]))
        assert content_of(again) == expected
        for name, rows in (("epochs", 4), ("predictions", 4 * study.recipe.test_pairs)):
            glob = f"{folder_of(again, name)}/*.parquet"
            counted = duckdb.sql(f"SELECT count(*) FROM '{glob}'")  # noqa: S608 - a folder of ours
            assert counted is not None
            assert counted.fetchall() == [(rows,)]
    assert moment == 3


def _check_whole(store: ResultsStore, runs: int, pairs: int) -> None:
    assert [len(store.read(name)) for name in ("runs", "epochs", "predictions")] == [
        runs, runs, runs * pairs,
    ]  # fmt: skip


def test_killed_while_leftovers_are_deleted_nothing_counts_twice(
    tmp_path: Path, study: Study, finish: Finish
) -> None:
    """At each moment of the write that clears what an earlier one left half-stored."""
    runs = study.runs()
    for moment in range(20):
        store = ResultsStore(tmp_path / str(moment))
        store.prepare(study)
        with pytest.MonkeyPatch.context() as patch:
            _die_at(patch, 2)
            with pytest.raises(Killed):
                store.write(pack(study.name, [finish(run) for run in runs]))
        store.prepare(study)
        with pytest.MonkeyPatch.context() as patch:
            _die_at(patch, moment)
            try:
                store.write(pack(study.name, [finish(run) for run in runs[:2]]))
            except Killed:
                finished = False
            else:
                finished = True
        _check_whole(store, 2 if finished else 0, study.recipe.test_pairs)
        if finished:
            break
    assert moment == 5


@pytest.mark.process
def test_a_process_that_is_killed_leaves_what_the_next_one_finishes(
    store: ResultsStore, study: Study, finish: Finish
) -> None:
    """SIGKILL, when the file that makes the runs count is about to appear."""
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from mnistcmp.results.store import ResultsStore\n"
        "from mnistcmp.results.tables import pack\n"
        "from mnistcmp.study.study import Run\n"
        "from tests.support.synthetic import made_up\n"
        "replace = Path.replace\n"
        "def dying(path, target):\n"
        "    if target.parent.name == 'runs': os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return replace(path, target)\n"
        "Path.replace = dying\n"
        "store = ResultsStore(sys.argv[1])\n"
        "first = store.launches()[0].runs()[0]\n"
        "runs = [Run(architecture='baseline', seed=s, recipe=first.recipe) for s in (5, 6)]\n"
        "store.write(pack('small', made_up(runs)))\n"
    )
    expected = content_of(store)
    command = [sys.executable, "-c", program, store.location.name]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert len(list(folder_of(store, "epochs").glob("*.parquet"))) == 3
    assert content_of(store) == expected
    store.prepare(study)
    runs = [Run(architecture="baseline", seed=seed, recipe=study.recipe) for seed in (6, 7)]
    store.write(pack(study.name, [replace(finish(study.runs()[0]), run=run) for run in runs]))
    assert len(store.read("epochs")) == 6
    assert len(list(folder_of(store, "epochs").glob("*.parquet"))) == 3


def test_runs_stored_while_a_table_is_read_are_in_it_whole_or_not_at_all(
    store: ResultsStore, study: Study, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A launch stores a stack after each folder that the reader lists."""
    listing, seeds = Location.list, iter(range(5, 50))

    def late(self: Location, folder: str, suffix: str) -> list[str]:
        found = listing(self, folder, suffix)
        run = Run(architecture="baseline", seed=next(seeds), recipe=study.recipe)
        store.write(pack(study.name, [replace(finish(study.runs()[0]), run=run)]))
        return found

    for name, per_run in (("runs", 1), ("epochs", 1), ("predictions", study.recipe.test_pairs)):
        before = store.finished_run_ids()
        with monkeypatch.context() as patch:
            patch.setattr(Location, "list", late)
            rows = store.read(name)["run_id"].to_pylist()
        assert {rows.count(run_id) for run_id in rows} == {per_run}
        assert before <= set(rows) <= store.finished_run_ids()


def test_a_half_written_file_of_details_is_refused_and_nothing_is_lost(
    store: ResultsStore,
) -> None:
    """One line names it; the other tables are read without it."""
    path = max(folder_of(store, "epochs").glob("*.parquet"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(UserError, match=rf"{path.name}: it is not a whole Parquet file"):
        store.read("epochs")
    assert len(store.read("runs")) == 4
    path.write_bytes(whole)
    assert len(store.read("epochs")) == 4


def test_made_up_runs_are_those_of_the_study(tmp_path: Path) -> None:
    """What is measured with them is what a real study would take."""
    fill(tmp_path, 20, per_file=4, details=True)
    store = ResultsStore(tmp_path)
    assert store.missing() == ()
    assert [len(list(folder_of(store, name).iterdir())) for name in ("runs", "epochs")] == [5, 5]
    assert len(store.read("predictions")) == 20 * 1000
