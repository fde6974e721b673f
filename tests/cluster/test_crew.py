"""Results that cannot be stored for a while."""

import errno
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from mnistcmp.cluster.crew import _stored
from mnistcmp.cluster.tally import Tally
from mnistcmp.errors import UserError
from mnistcmp.files import replacing
from mnistcmp.results.outcome import Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.combine import combine
from mnistcmp.study.study import Run, Study

Finish = Callable[[Run], Finished]


@pytest.fixture
def store(tmp_path: Path, study: Study) -> ResultsStore:
    """An empty folder."""
    made = ResultsStore(tmp_path / "results")
    made.prepare(study)
    return made


def _fails(monkeypatch: pytest.MonkeyPatch, times: int, reason: int) -> None:
    """The next writes into folders fail."""
    left = [times]

    def failing(path: Path) -> AbstractContextManager[Path]:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError(reason, "no")
        return replacing(path)

    monkeypatch.setattr("mnistcmp.results.location.replacing", failing)
    monkeypatch.setattr("mnistcmp.cluster.crew.LONGEST_WAIT", 0.0)


def _store(store: ResultsStore, study: Study, finish: Finish) -> list[str | None]:
    run = study.runs()[0]
    tally = Tally([(run,)], workers=1, combined=combine([study], place="x"))
    told = _stored(pack(study.name, [finish(run)]), store, tally)
    return [progress.waiting for progress in told]


def test_results_wait_for_a_place_that_is_away(
    store: ResultsStore, study: Study, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the way is told, and at last they are stored."""
    _fails(monkeypatch, 3, errno.ENOSPC)
    waiting = _store(store, study, finish)
    assert len(waiting) == 3
    assert {"No space left on device" in (each or "") for each in waiting} == {True}
    assert store.finished_run_ids() == {study.runs()[0].run_id}


def test_a_place_that_stays_away_ends_the_launch(
    store: ResultsStore, study: Study, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before some time."""
    _fails(monkeypatch, 10**6, errno.ESTALE)
    monkeypatch.setattr("mnistcmp.cluster.crew.STORE_SECONDS", 0.2)
    with pytest.raises(UserError, match="cannot write to the output folder"):
        _store(store, study, finish)


def test_what_will_not_pass_is_not_waited_for(
    store: ResultsStore, study: Study, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody gives a right while a launch waits."""
    _fails(monkeypatch, 1, errno.EACCES)
    with pytest.raises(UserError, match="Permission denied"):
        _store(store, study, finish)
    assert store.finished_run_ids() == set()
