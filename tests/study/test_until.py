"""The rule by which seeds are added until comparisons are clear, and where it is kept."""

import pytest

from mnistcmp.errors import UserError
from mnistcmp.study.combine import combine
from mnistcmp.study.file import format_study, parse_study
from mnistcmp.study.study import Study
from mnistcmp.study.until import UntilClear, until_clear
from tests.support.commands import run_command

TWO = ("baseline", "siamese-shared")


@pytest.mark.parametrize(
    ("most", "looks"),
    [
        (40, (5, 10, 15, 20, 25, 30, 35, 40)),
        (12, (5, 10, 12)),
        (5, (5,)),
        (2, (2,)),
        (1000, tuple(range(25, 1001, 25))),
    ],
)
def test_looks_are_after_each_batch_and_at_the_end(most: int, looks: tuple[int, ...]) -> None:
    """Of five seeds, or as many as make forty looks."""
    assert until_clear(1.0, most).looks(most) == looks


def test_a_study_file_has_the_rule() -> None:
    """It is written whole, and points alone are its margin."""
    study = Study(name="x", architectures=TWO, seeds="20", until_clear={"margin": 0.5, "batch": 4})
    assert parse_study(format_study(study), source="f") == study
    assert "until_clear" not in format_study(Study(name="x"))
    assert Study(name="x", until_clear=1).until_clear == UntilClear(margin=1.0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("until_clear = 0", "until_clear.margin: has to be greater than 0, not 0"),
        ("until_clear = nan", "until_clear.margin: has to be a finite number"),
        ('until_clear = "a"', "until_clear: expected points, as in until_clear = { margin = 1.0 }"),
        ("until_clear = {}", "'margin' is missing"),
        ("until_clear = {margin = 1, bach = 3}", "unknown field of until_clear 'bach'; did you"),
        ("until_clear = {margin = 1, batch = 1}", "batch: has to be greater than or equal to 2"),
        ("until_clear = 1\nseeds = 1", "needs two seeds or more (--max-seeds), and here is one"),
        ("until_clear = 1\nseeds = 600", "600 seeds in batches of 5 would be more than 100 looks"),
        ('until_clear = 1\narchitectures = ["baseline"]', "compares conditions, and x has one"),
    ],
)
def test_a_wrong_rule_is_one_line(content: str, said: str) -> None:
    """What was wrong, and what is allowed."""
    with pytest.raises(UserError) as caught:
        parse_study(f'name = "x"\n{content}', source="f")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "other", [{"until_clear": 2}, {"until_clear": 1, "seeds": "10"}, {"until_clear": None}]
)
def test_a_folder_holds_one_rule(other: dict[str, object]) -> None:
    """Seeds of another rule, or none, were chosen otherwise; a part of a study has the same."""
    study = Study(name="x", seeds="20", until_clear=1)
    part = Study(name="x", seeds="20", until_clear=1, architectures=TWO)
    assert combine([study, part], place="p").until == study.until_clear
    with pytest.raises(UserError, match="p was launched with other --until-clear or --max-seeds"):
        combine([study, Study(**{"name": "x", "seeds": "20"} | other)], place="p")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("--until-clear 0", "--until-clear 0: expected points above 0"),
        ("--until-clear nan", "--until-clear nan: expected points above 0"),
        ("--until-clear 1 --max-seeds 1", "--max-seeds 1: expected 2 or more"),
        ("--until-clear 1 --max-seeds 0", "--max-seeds 0: expected 2 or more"),
        ("--max-seeds 10", "--max-seeds is how many seeds --until-clear adds at most"),
        ("--until-clear 1 --seeds 10", "--seeds are all trained, and --until-clear adds seeds"),
        ("--until-clear 1 -a baseline", "until_clear compares conditions, and table1"),
    ],
)
def test_a_launch_refuses_what_makes_no_rule(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: str, said: str
) -> None:
    """In one line, and before anything is begun."""
    assert run_command(monkeypatch, "launch", "--local", *asked.split()) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_launch_with_a_rule_has_a_name_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So its seeds do not mix with those of the study as it is; the plan says at most how many."""
    asked = "launch --local --dry-run --until-clear 0.5 --max-seeds 12"
    assert run_command(monkeypatch, *asked.split()) == 0
    printed = capsys.readouterr().out
    assert "table1-until-0.5-of-12" in printed
    assert "60 runs to train, at most." in printed
