"""Putting small files together: at every moment each row is there, and counts once."""

import dataclasses
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mnistcmp.errors import UserError
from mnistcmp.results.compaction import compact
from mnistcmp.results.location import Location
from mnistcmp.results.outcome import Finished
from mnistcmp.results.schema import TABLES
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import Listing, TableFiles
from mnistcmp.study.study import Run, Study
from tests.support.stored import content_of, files_of, folder_of, store_failure

Finish = Callable[[Run], Finished]


class Killed(BaseException):
    """Stands for the end of the process."""


def _die_at(monkeypatch: pytest.MonkeyPatch, moment: int) -> None:
    """Ends the process before its nth change of the folder: a file appears, or is deleted."""
    count = 0
    delete, replace = Location._delete, Path.replace  # noqa: SLF001 - every change passes there

    def step() -> None:
        nonlocal count
        if count == moment:
            raise Killed
        count += 1

    def deleting(self: Location, path: str) -> None:
        step()
        delete(self, path)

    def replacing(self: Path, target: Path) -> Path:
        step()
        return replace(self, target)

    monkeypatch.setattr(Location, "_delete", deleting)
    monkeypatch.setattr(Path, "replace", replacing)


@pytest.mark.parametrize("compacted_before", [False, True])
def test_killed_at_any_moment_every_row_is_there_once(
    store: ResultsStore, study: Study, finish: Finish, *, compacted_before: bool
) -> None:
    """Before and after each file that appears or goes, and after the next compact."""
    if compacted_before:
        compact(store)
        run = dataclasses.replace(study.runs()[0], seed=5)
        done = finish(study.runs()[0])
        store.write_finished(study.name, dataclasses.replace(done, run=run))
    store_failure(store, study, 8)
    expected = content_of(store)
    kept = folder_of(store).with_name("kept")
    shutil.copytree(folder_of(store), kept)
    for moment in range(100):
        with pytest.MonkeyPatch.context() as patch:
            _die_at(patch, moment)
            try:
                compact(store)
            except Killed:
                finished = False
            else:
                finished = True
        assert content_of(store) == expected
        assert store.missing() == ()
        if finished:
            break
        compact(store)
        assert content_of(store) == expected
        assert len(files_of(store)) == 4
        shutil.rmtree(folder_of(store))
        shutil.copytree(kept, folder_of(store))
    assert moment > 8


def test_a_killed_process_leaves_what_the_next_compact_finishes(store: ResultsStore) -> None:
    """SIGKILL, when the first file is about to be deleted."""
    expected = content_of(store)
    program = (
        "import os, signal, sys\n"
        "from mnistcmp.results import ResultsStore, compact\n"
        "from mnistcmp.results.location import Location\n"
        "Location._delete = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "compact(ResultsStore(sys.argv[1]))\n"
    )
    command = [sys.executable, "-c", program, store.location.name]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert len(list(folder_of(store, "runs").glob("*.parquet"))) == 5
    assert content_of(store) == expected
    compact(store)
    assert len(files_of(store)) == 3
    assert content_of(store) == expected


def test_a_reader_that_listed_files_before_reads_the_part(
    store: ResultsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds them gone, and looks again."""
    expected = content_of(store)
    old = {name: TableFiles(store.location, name).listing() for name in TABLES}
    compact(store)
    listing = TableFiles.listing

    def late(self: TableFiles) -> Listing:
        return old.pop(self.name, None) or listing(self)

    monkeypatch.setattr(TableFiles, "listing", late)
    assert content_of(store) == expected


def test_runs_stored_meanwhile_are_kept(
    store: ResultsStore, study: Study, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A launch goes on while files are put together; the next compact takes what it stored."""
    run = dataclasses.replace(study.runs()[0], seed=5)
    done = dataclasses.replace(finish(study.runs()[0]), run=run)
    delete = Location.delete

    def meanwhile(self: Location, folder: str, names: list[str]) -> None:
        store.write_finished(study.name, done)
        delete(self, folder, names)

    with monkeypatch.context() as patch:
        patch.setattr(Location, "delete", meanwhile)
        compact(store)
    assert run.run_id in store.finished_run_ids()
    assert len(store.read("epochs")) == 5
    compact(store)
    assert len(files_of(store)) == 3
    assert len(store.read("epochs")) == 5


def test_two_compactions_at_once_count_nothing_twice(store: ResultsStore) -> None:
    """Each leaves a part with the same rows; the next compact leaves one."""
    expected = content_of(store)
    other = ResultsStore(folder_of(store).with_name("other"))
    shutil.copytree(folder_of(store), folder_of(other))
    compact(store)
    compact(other)
    shutil.copytree(folder_of(other), folder_of(store), dirs_exist_ok=True)
    assert len(files_of(store)) == 6
    assert content_of(store) == expected
    compact(store)
    assert len(files_of(store)) == 3
    assert content_of(store) == expected


def test_a_half_written_file_is_refused_and_nothing_is_lost(store: ResultsStore) -> None:
    """One line names it; without it, the rest can be put together."""
    path = max(folder_of(store, "epochs").glob("*.parquet"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(UserError, match=rf"{path.name}: it is not a whole Parquet file"):
        compact(store)
    path.write_bytes(whole)
    assert len(store.read("epochs")) == 4
    assert len(store.read("runs")) == 4


def test_a_copy_under_another_name_is_refused(store: ResultsStore) -> None:
    """Which of the two would count, is not for compact to say."""
    path = min(folder_of(store, "runs").glob("*.parquet"))
    shutil.copy(path, path.with_name("copy.parquet"))
    with pytest.raises(UserError, match=f"holds the run {path.stem}, which its name does not say"):
        compact(store)
    assert len(files_of(store)) == 13
