"""Durations as people write them, and the budget of a launch that is one."""

import pytest

from mnistcmp.cli.durations import seconds_of
from mnistcmp.errors import UserError
from tests.support.commands import run_command


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("0.5h", 1800), ("1h 2m 3s", 3723)],
)
def test_a_duration_is_hours_minutes_and_seconds(text: str, seconds: float) -> None:
    """Each at most once, in that order."""
    assert seconds_of(text, option="--budget") == seconds


@pytest.mark.parametrize("text", ["", "30", "0m", "-5m", "5m1h", "m", "nan", "1e3s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """With what is one."""
    with pytest.raises(UserError, match=r"expected a duration above 0, as in 90s, 30m or 1h30m"):
        seconds_of(text, option="--budget")


def test_a_budget_in_which_no_run_can_end_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, with how long a run takes: 34 microseconds an epoch and pair."""
    asked = ["launch", "--local", "--all", "--budget", "2s"]
    assert run_command(monkeypatch, *asked) == 2
    assert capsys.readouterr().err == (
        "mnistcmp: a budget of 2.0 s is over before a run can end: the shortest takes about 5.1 s. "
        "Give more, or fewer --epochs.\n"
    )
