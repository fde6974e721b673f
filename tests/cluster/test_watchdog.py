"""Runs that hang."""

import signal
import time

import pytest

from mnistcmp.cluster import watchdog
from mnistcmp.cluster.watchdog import RunHangsError, Watchdog
from mnistcmp.cluster.watched import ProcessDiedError, call_watched


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of minutes."""
    monkeypatch.setattr(watchdog, "FIRST_EPOCH", 0.3)
    monkeypatch.setattr(watchdog, "ANY_EPOCH", 0.1)
    monkeypatch.setattr(watchdog, "SECONDS_BETWEEN", 0.0)


def _train(watched: Watchdog, *epochs: float) -> None:
    """Goes through epochs that take so many seconds."""
    with watched:
        for seconds in epochs:
            time.sleep(seconds)
            watched.note_epoch()


def test_a_first_epoch_that_does_not_end_is_ended() -> None:
    """Where it waits; the clock and the signal are as before."""
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(RunHangsError, match="no epoch ended in 0 s; the first"):
        _train(Watchdog(None), 20.0)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_an_epoch_may_take_many_times_as_long_as_those_before() -> None:
    """And no longer."""
    _train(Watchdog(None), 0.05, 0.5)
    with pytest.raises(RunHangsError, match=r"the longest before took 0\.0 s"):
        _train(Watchdog(None), 0.0, 20.0)


def test_a_run_may_take_as_long_as_was_said() -> None:
    """However quick, or slow, its epochs are."""
    _train(Watchdog(5.0), 0.5, 0.3)
    with pytest.raises(RunHangsError, match=r"not done in 0\.2 s, as --run-timeout allows"):
        _train(Watchdog(0.2), *[0.01] * 1000)


def _hang_in_c(depth: int = 0) -> None:
    watchdog.FIRST_EPOCH, watchdog.GRACE = 0.2, 0.3
    if depth < 30:
        _hang_in_c(depth + 1)
    with Watchdog(None):
        _sum_in_c()


def _sum_in_c() -> None:
    sum(range(10**12))


@pytest.mark.process
def test_a_process_that_does_not_come_back_to_python_ends() -> None:
    """And says where it was."""
    with pytest.raises(ProcessDiedError) as caught:
        call_watched(_hang_in_c)
    assert "ended itself with exit code 1" in str(caught.value)
    assert "in _sum_in_c" in str(caught.value)
