"""`mnistcmp failures` and `rerun`."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mnistcmp.results.outcome import Failed, Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.sources import record_sources
from mnistcmp.study.study import Run, Study
from tests.support.commands import run_command
from tests.support.custom_networks import RAISING
from tests.support.fixtures import SMALL
from tests.support.stored import NOON


def _failed(run: Run, error: str) -> Failed:
    trace = f"Traceback\n  in forward\n{error}"
    return Failed(run=run, error=error, traceback=trace, host="there", failed_at=NOON)


@pytest.fixture
def failing(folder: Path, store: ResultsStore, study: Study) -> list[str]:
    """Ids of two runs that failed, launched into the folder `results`."""
    wider = study.model_copy(update={"seeds": (7, 8), "architectures": ("baseline",)})
    store.prepare(wider)
    runs = wider.runs()
    store.write(pack(study.name, [_failed(run, f"ValueError: {run.seed}") for run in runs]))
    store.write(pack(study.name, [_failed(runs[0], "ValueError: 7")]))
    Path(folder / "results").symlink_to(store.location.name)
    return [run.run_id for run in runs]


def test_failures_are_listed_and_one_is_told_whole(
    failing: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What failed, where, and with which error; then its traceback, and how to see it again."""
    assert run_command(monkeypatch, "failures", "results") == 0
    printed = capsys.readouterr().out
    assert "The last 2 of 2 runs that failed" in printed
    for run_id, seed in zip(failing, (7, 8), strict=True):
        assert re.search(rf"{run_id} +baseline +{seed} ", printed)
        assert f"{seed}   there       {3 - seed // 4}   ValueError: {seed}" in printed
    assert run_command(monkeypatch, "failures", "results", failing[0][:6]) == 0
    printed = capsys.readouterr().out
    assert "Traceback\n  in forward\nValueError: 7" in printed
    assert f"mnistcmp rerun results {failing[0]} --pdb" in printed
    assert run_command(monkeypatch, "failures", "results", "--json") == 0
    assert {row["run_id"] for row in json.loads(capsys.readouterr().out)} == set(failing)


def test_where_nothing_failed_that_is_said(
    folder: Path,
    store: ResultsStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And a run that did not fail is no failure."""
    del folder
    assert run_command(monkeypatch, "failures", str(store.location)) == 0
    assert "has failed, or all have been trained since" in capsys.readouterr().out
    assert run_command(monkeypatch, "failures", str(store.location), "abc") == 2
    assert "begins with 'abc'. Leave it out." in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_a_run_again_gives_the_same_numbers(
    store: ResultsStore,
    study: Study,
    finish: Callable[[Run], Finished],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As they are stored, to the last bit; nothing is written."""
    run = study.runs()[0]
    accuracy = finish(run).result.test.accuracy
    assert run_command(monkeypatch, "rerun", str(store.location), run.run_id) == 0
    printed = capsys.readouterr().out
    assert f"Test accuracy {accuracy:.2%}" in printed
    assert "The same numbers as are stored, to the last bit." in printed
    assert len(store.read("runs")) == len(study.runs())


@pytest.mark.parametrize(
    ("name", "error"), [("Raising", "ValueError: no third epoch"), ("Leaving", "SystemExit: 0")]
)
def test_a_run_that_raises_raises_the_same_here(
    custom_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    error: str,
) -> None:
    """With its traceback; the debugger shows the values where it did."""
    (custom_folder / "raising.py").write_text(RAISING)
    recipe = Recipe(**SMALL.changes() | {"epochs": 4})
    study = Study(name="x", architectures=(f"raising:{name}",), seeds=(0,), recipe=recipe)
    store = ResultsStore(custom_folder / "results")
    store.prepare(record_sources(study))
    (run,) = study.runs()
    monkeypatch.setattr("sys.stdin", io.StringIO("p answer\nq\n"))
    assert run_command(monkeypatch, "rerun", "results", run.run_id[:4], "--pdb") == 1
    printed = capsys.readouterr()
    assert error in printed.err
    assert "in train" in printed.err
    assert "(Pdb) 42" in printed.out
    assert printed.out.endswith(f"It raises {error}; no failure of it is stored.\n")
    store.write(pack(study.name, [_failed(run, error)]))
    assert run_command(monkeypatch, "rerun", "results", run.run_id) == 1
    *_, last = capsys.readouterr().out.splitlines()
    again = f"To look around there: mnistcmp rerun results {run.run_id} --pdb"
    assert last == f"It raises the stored error again: {error}. {again}"


def test_a_run_that_failed_and_does_not_now_is_told(
    failing: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what stores it."""
    assert run_command(monkeypatch, "rerun", "results", failing[0]) == 0
    printed = capsys.readouterr().out
    assert "no numbers of it to compare with" in printed
    assert "launch its study into results again" in printed


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("run", "message"), [("zz", "no run begins"), ("", "4 runs of ")])
def test_a_run_has_to_be_named(
    store: ResultsStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run: str,
    message: str,
) -> None:
    """By an id, or by what only one begins with."""
    assert run_command(monkeypatch, "rerun", str(store.location), run) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert "Give a run's id" in captured.err
