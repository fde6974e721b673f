"""What tests of reports share: studies whose accuracies are made up, to be worked by hand."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mnistcmp.report.build import build_report
from mnistcmp.report.contents import Report
from mnistcmp.results.outcome import Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.study import Run, Study
from tests.support.commands import run_command
from tests.support.stored import with_accuracy

MakeStore = Callable[[Study, Callable[[Run], float | None]], ResultsStore]
MakeReport = Callable[[Study, Callable[[Run], float | None]], Report]
Ask = Callable[..., tuple[int, str, str]]
"""A command's exit status, and what it printed on both streams."""


@pytest.fixture
def made_up(tmp_path: Path, study: Study, finish: Callable[[Run], Finished]) -> MakeStore:
    """Stores a study whose runs reached the accuracies given, in %, or no end; or more of it."""
    finished = finish(study.runs()[0])

    def stored(study: Study, accuracy: Callable[[Run], float | None]) -> ResultsStore:
        store = ResultsStore(tmp_path)
        store.prepare(study)
        kept = store.finished_run_ids()
        ended = [
            replace(finished, run=run, result=with_accuracy(finished.result, reached / 100))
            for run in study.runs()
            if run.run_id not in kept and (reached := accuracy(run)) is not None
        ]
        store.write(pack(study.name, ended))
        return store

    return stored


@pytest.fixture
def reported(made_up: MakeStore) -> MakeReport:
    """Makes the report of such a study."""
    return lambda study, accuracy: build_report(made_up(study, accuracy))


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Goes through a command on a wide terminal."""
    monkeypatch.setenv("COLUMNS", "200")

    def asked(*arguments: str) -> tuple[int, str, str]:
        status = run_command(monkeypatch, *arguments)
        return status, *capsys.readouterr()

    return asked
