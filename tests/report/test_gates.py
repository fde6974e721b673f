"""Gates for somebody's CI: the exit status says whether a network is worse, or better."""

from pathlib import Path

import pytest

from mnistcmp.study.study import Run, Study
from tests.report.conftest import Ask, MakeStore

LEAD = {"baseline": 0.0, "siamese-shared": 2.0, "siamese-separate": 0.1}
"""Points by which each is ahead of the baseline on average, at seeds that scatter by 0.4."""


@pytest.fixture
def folder(made_up: MakeStore) -> str:
    """Six seeds of three networks."""
    study = Study(name="gates", architectures=tuple(LEAD), seeds=tuple(range(6)))

    def accuracy(run: Run) -> float:
        scatter = (run.seed - 2.5) * 0.2 if run.architecture != "baseline" else 0.0
        return 80 + run.seed + LEAD[run.architecture] + scatter

    return made_up(study, accuracy).location.name


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("baseline siamese-shared --fail-if-worse 0.5", 1),
        ("baseline siamese-shared --fail-if-worse 3", 0),
        ("siamese-shared baseline --fail-if-worse 0", 0),
        ("baseline siamese-separate --fail-if-worse 0", 0),
    ],
)
def test_fail_if_worse(ask: Ask, folder: str, asked: str, status: int) -> None:
    """Status 1 where the interval is below the margin; what is better, or not clear, passes."""
    ended, out, error = ask("compare", *asked.split(), "--results", folder)
    assert ended == status
    assert "Test accuracy" in out
    lines = ["mnistcmp: worse by more than 0.5 points: baseline is worse than siamese-shared by"]
    assert [line[: len(lines[0])] for line in error.splitlines()] == lines[:status]


@pytest.mark.parametrize(
    ("names", "status"),
    [
        ("siamese-shared baseline", 0),
        ("baseline siamese-shared", 1),
        ("siamese-separate baseline", 1),
    ],
)
@pytest.mark.parametrize("form", ["", "--json", "--markdown"])
def test_fail_unless_better(ask: Ask, folder: str, form: str, names: str, status: int) -> None:
    """Status 1 unless the interval is above 0; the report is printed all the same."""
    asked = ["report", folder, *form.split(), "--fail-unless-better", *names.split()]
    ended, out, error = ask(*asked)
    assert ended == status
    assert "siamese-separate" in out
    assert error.startswith("mnistcmp: not shown to be better: ") is bool(status)


def test_with_one_seed_nothing_is_judged(ask: Ask, made_up: MakeStore) -> None:
    """Neither passes: one line, and status 2."""
    study = Study(name="gates", architectures=("baseline", "siamese-shared"), seeds=(0,))
    folder = made_up(study, lambda run: 80.0 + len(run.architecture)).location.name
    names = "siamese-shared", "baseline"
    for asked in (
        ["report", folder, "--fail-unless-better", *names],
        ["compare", *names, "--results", folder, "--fail-if-worse", "0.5"],
    ):
        ended, _, error = ask(*asked)
        assert ended == 2
        assert "have one seed in common" in error
        assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("--fail-if-worse -1", "--fail-if-worse -1: expected points, 0 or above"),
        ("--fail-if-worse nan", "--fail-if-worse nan: expected points"),
        ("--within 0", "--within 0: expected points above 0"),
        ("--within inf", "--within inf: expected points above 0"),
        ("--intervals bayes", "'bayes' is not one of 'student', 'bca'"),
    ],
)
def test_wrong_values_are_one_line(ask: Ask, folder: str, asked: str, said: str) -> None:
    """What was wrong, and what is allowed."""
    names = "baseline", "siamese-shared"
    ended, out, error = ask("compare", *names, "--results", folder, *asked.split())
    assert (ended, out) == (2, "")
    assert said in error
    assert error.count("\n") == 1


def test_unknown_names_of_a_gate_are_one_line(ask: Ask, folder: str) -> None:
    """With the names that there are."""
    asked = ["report", folder, "--fail-unless-better", "basline", "siamese-shared"]
    ended, _, error = ask(*asked)
    assert ended == 2
    assert "did you mean 'baseline'?" in error


def test_equivalence_is_said_and_tabled(ask: Ask, folder: str) -> None:
    """In the sentence where nothing else is clear, and as a column beside the other tests."""
    names = "siamese-separate", "baseline"
    ended, out, _ = ask("compare", *names, "--results", folder, "--within", "1")
    assert ended == 0
    assert "siamese-separate and baseline are equivalent within 1 point (+0.10 points" in out
    assert "p (within ±1)" in out
    assert "p (within ±1)" in ask("report", folder, "--within", "1")[1]


def test_intervals_are_named_on_pages_and_in_reports(ask: Ask, folder: str, tmp_path: Path) -> None:
    """As the bootstrap's, where they were asked for."""
    page, named = tmp_path / "page.html", "bootstrap, BCa, 9,999 resamples"
    names = "siamese-separate", "baseline"
    asked = [*names, "--results", folder, "--intervals", "bca", "--html", str(page)]
    assert ask("compare", *asked)[0] == 0
    assert named in page.read_text(encoding="utf-8")
    assert named in ask("report", folder, "--intervals", "bca")[1]
