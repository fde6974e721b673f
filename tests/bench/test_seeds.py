"""The rule that adds seeds, in simulated studies."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mnistcmp.bench.seeds import cover_ten_seeds, simulate
from mnistcmp.results.outcome import Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.study import Run, Study
from tests.support.commands import run_command
from tests.support.stored import with_accuracy


def test_intervals_have_the_true_difference_where_a_study_ends() -> None:
    """At least 95%, but for chance, of 1,000 studies of each kind; large differences end early."""
    found = simulate(repetitions=1000, margin=1.0, most_seeds=40)
    assert len(found) == 12
    assert all(row.coverage > 95 - 2 for row in found)
    assert sum(row.coverage for row in found) / len(found) > 95
    large = [row for row in found if row.true == 3]
    assert all(row.seeds < 16 and row.answered_rightly > 99 for row in large)


def test_a_fixed_design_is_compared_that_answers_as_often() -> None:
    """A paired t test of half a deviation needs 33 pairs for a power of 80%, and 34 for 81%.

    Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd edition (1988), chapter 2.
    """
    found = simulate(repetitions=4000, margin=1.0, most_seeds=40)
    (row,) = (row for row in found if (row.differences, row.true) == ("normal", 1.0))
    assert row.answered_rightly == pytest.approx(81, abs=2)
    assert row.fixed_seeds is not None
    assert 32 <= row.fixed_seeds <= 37
    assert row.seeds < row.fixed_seeds


def test_bootstrap_intervals_of_ten_seeds_are_too_narrow() -> None:
    """Which Student's are not, of normal values."""
    normal = cover_ten_seeds(repetitions=1000)[0]
    assert normal.bca < 93 < normal.student


def test_the_command_simulates_with_a_pilot_too(
    tmp_path: Path,
    study: Study,
    finish: Callable[[Run], Finished],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The differences of a study of ten seeds, drawn from; the same numbers each time."""
    pilot = Study(name="pilot", architectures=("baseline", "siamese-shared"), seeds="10")
    store = ResultsStore(tmp_path)
    store.prepare(pilot)
    done = finish(study.runs()[0])
    scores = ((run, 0.3 + run.seed**2 / 2000 * len(run.architecture)) for run in pilot.runs())
    ended = [replace(done, run=run, result=with_accuracy(done.result, s)) for run, s in scores]
    store.write(pack(pilot.name, ended))
    asked = ["bench", "seeds", "--repetitions", "50", "--max-seeds", "10", "--json"]
    printed = []
    for _ in range(2):
        assert run_command(monkeypatch, *asked, "--pilot", str(tmp_path)) == 0
        printed.append(json.loads(capsys.readouterr().out))
    rows = printed[0]["seeds"]["rows"]
    assert rows[-1]["differences"] == "siamese-shared less baseline"
    assert len(rows) == 16
    assert len(printed[0]["ten seeds"]["rows"]) == 3
    assert printed[0] == printed[1]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("--until-clear 0", "--until-clear 0: expected points above 0"),
        ("--pilot nowhere", "there is no results folder nowhere"),
        ("--pilot {store}", "has no comparison of 10 seeds or more"),
    ],
)
def test_what_cannot_be_simulated_is_one_line(
    store: ResultsStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    asked: str,
    said: str,
) -> None:
    """With what is allowed."""
    arguments = asked.format(store=store.location).split()
    assert run_command(monkeypatch, "bench", "seeds", *arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
