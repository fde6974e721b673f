"""Seeds that are added until a study is answered: which runs come next, and what is said."""

import json
from collections.abc import Callable

import pytest

from mnistcmp.cluster.events import Looked, Reported, from_line, to_line
from mnistcmp.errors import UserError
from mnistcmp.report.as_json import to_json
from mnistcmp.report.build import build_report
from mnistcmp.report.compare import compare_in_study
from mnistcmp.report.text import to_markdown
from mnistcmp.report.until import missing_runs, next_runs
from mnistcmp.report.words import comparison_notes
from mnistcmp.results.store import ResultsStore
from mnistcmp.statistics import Inference
from mnistcmp.study.study import Run, Study
from tests.report.conftest import Ask, MakeStore
from tests.support.stored import store_failure

LEAD = {"baseline": 0.0, "siamese-shared": 9.0, "siamese-separate": 0.0, "digits-exact": 0.8}
STUDY = Study(name="ruled", architectures=tuple(LEAD), seeds="20", until_clear=1)
NOISE = 0.03, -0.02, 0.05, -0.04, 0.01, -0.03, 0.04, -0.05, 0.02, -0.01


def _accuracy(run: Run) -> float:
    """The second is clear at once, the third within a point; the fourth needs more seeds."""
    noise = NOISE[run.seed % 10] * (40 if run.architecture == "digits-exact" else 1)
    return 80 + run.seed / 10 + LEAD[run.architecture] + (run.architecture != "baseline") * noise


def _seeds(most: int, **names: int) -> Callable[[Run], float | None]:
    """The accuracies of so many seeds, of some architectures of others."""
    limits = {name.replace("_", "-"): seeds for name, seeds in names.items()}
    return lambda run: _accuracy(run) if run.seed < limits.get(run.architecture, most) else None


def _wanted(store: ResultsStore) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for run in next_runs(store, STUDY):
        found.setdefault(run.architecture, []).append(run.seed)
    return found


def test_the_first_look_needs_a_batch_of_each_condition(made_up: MakeStore) -> None:
    """Of what is not there yet."""
    assert _wanted(made_up(STUDY, _seeds(0))) == {name: [0, 1, 2, 3, 4] for name in LEAD}
    part = made_up(STUDY, _seeds(3))
    assert _wanted(part) == {name: [3, 4] for name in LEAD}
    assert missing_runs(part) == next_runs(part, STUDY)


def test_further_looks_need_what_is_not_answered_alone(made_up: MakeStore) -> None:
    """The conditions of open comparisons, and the reference."""
    batch = [5, 6, 7, 8, 9]
    store = made_up(STUDY, _seeds(5))
    assert _wanted(store) == {"baseline": batch, "digits-exact": batch}
    rule = build_report(store).until
    assert rule is not None
    outcomes = {name: (answer.outcome, answer.seeds) for name, answer in rule.answers.items()}
    assert outcomes == {
        "siamese-shared": ("clear", 5),
        "siamese-separate": ("equivalent", 5),
        "digits-exact": ("open", 5),
    }
    assert not rule.is_over


def test_a_comparison_stays_as_the_look_found_it_that_answered_it(made_up: MakeStore) -> None:
    """With the seeds of that look, whatever was trained for others since."""
    before = build_report(made_up(STUDY, _seeds(5))).comparisons
    after = build_report(made_up(STUDY, _seeds(20, siamese_separate=5))).comparisons
    assert after[:2] == before[:2]
    assert after[2].difference is not None
    assert after[2].difference.n > 5


def test_no_look_is_taken_of_part_of_a_batch(made_up: MakeStore) -> None:
    """What the seeds in between show does not end it earlier."""
    early = build_report(made_up(STUDY, _seeds(4)))
    assert [c.difference.low for c in early.comparisons if c.difference] == [None] * 3
    assert "before the first look" in to_markdown(early)
    five, nine = (build_report(made_up(STUDY, _seeds(most))) for most in (5, 9))
    assert nine.comparisons == five.comparisons


def test_a_report_says_after_how_many_seeds_and_what_that_saved(made_up: MakeStore) -> None:
    """In its answer, in a column, and in JSON; without p values, which are of a single look."""
    store = made_up(STUDY, _seeds(20, siamese_shared=5, siamese_separate=5))
    assert next_runs(store, STUDY) == ()
    report = build_report(store)
    said = "Clear after 5 of 20 seeds: siamese-shared"
    assert said in report.answer
    assert "Shown to be smaller than 1 point after 5 of 20 seeds: siamese-sep" in report.answer
    assert "30 of 80 runs were not needed." in report.answer
    assert report.missing == ()
    text = to_markdown(report)
    assert "equivalent after 5" in text
    assert "p (Holm)" not in text
    assert "Hall's transformation" in text
    content = json.loads(to_json(report))["until"]
    assert content["answers"]["siamese-shared"] == {
        "seeds": 5, "outcome": "clear", "is_last": True
    }  # fmt: skip


def test_a_job_s_log_tells_it_as_it_is(made_up: MakeStore) -> None:
    """What a look answered, and the report, are read back from a cluster's job whole."""
    report = build_report(made_up(STUDY, _seeds(5)))
    looked = Looked(seeds=5, most=20, answered=("siamese-shared",), open=("digits-exact",))
    reported = Reported(output="x", trained=20, report=report)
    assert from_line(to_line(looked)) == looked
    again = from_line(to_line(reported))
    assert isinstance(again, Reported)
    assert again.report is not None
    assert again.report.until == report.until
    assert again.report.comparisons == report.comparisons


def test_what_has_no_runs_yet_is_not_answered(made_up: MakeStore) -> None:
    """Nor are its runs taken for ones that were not needed."""
    some = _seeds(5, baseline=0, digits_exact=0)
    report = build_report(made_up(STUDY, some))
    assert report.until is not None
    assert not report.until.is_over
    assert report.comparisons == ()
    assert report.answer == (
        "No condition has runs beside those of its reference yet: nothing is compared. Before the "
        "first look: siamese-shared, siamese-separate, digits-exact. Launch again to go on."
    )


def test_a_run_that_failed_does_not_stop_the_rule(made_up: MakeStore) -> None:
    """A launch that tried it goes on without its seed; the next one tries it again."""
    lost = next(r.run_id for r in STUDY.runs() if r.seed == 2 and r.architecture == "baseline")
    store = made_up(STUDY, lambda run: None if run.run_id == lost else _seeds(5)(run))
    assert [run.run_id for run in next_runs(store, STUDY)] == [lost]
    assert {run.seed for run in next_runs(store, STUDY, {lost})} == {5, 6, 7, 8, 9}
    failed = store_failure(store, STUDY, seed=2)
    assert failed.run_id == lost
    report = build_report(store)
    assert report.until is not None
    assert report.until.answers["siamese-shared"].seeds == 5
    assert report.comparisons[0].difference is not None
    assert report.comparisons[0].difference.n == 4
    assert [run.run_id for run in report.missing] == [lost]


@pytest.mark.parametrize(
    ("names", "status", "said"),
    [
        ("siamese-shared baseline", 0, ""),
        ("baseline siamese-shared", 1, "not shown to be better: siamese-shared is better than"),
        (
            "siamese-separate baseline",
            1,
            "not shown to be better: siamese-separate and",
        ),
        ("siamese-shared siamese-separate", 2, "are no comparison of this study"),
    ],
)
def test_a_gate_goes_by_the_rule(
    ask: Ask, made_up: MakeStore, names: str, status: int, said: str
) -> None:
    """By the interval of the look that answered; other pairs were not planned."""
    folder = made_up(STUDY, _seeds(5)).location.name
    ended, _, error = ask("report", folder, "--fail-unless-better", *names.split())
    assert ended == status
    assert said in error


def test_a_comparison_of_one_look_says_so(made_up: MakeStore) -> None:
    """Where the seeds were not fixed, its interval is not what the report's is."""
    [comparison] = compare_in_study(made_up(STUDY, _seeds(5)), "siamese-shared", "baseline")
    assert comparison_notes(comparison)[0].startswith("Seeds were added until")


def test_other_intervals_than_the_rule_s_are_refused(made_up: MakeStore) -> None:
    """They would hold for a single look."""
    store = made_up(STUDY, _seeds(5))
    with pytest.raises(UserError, match="was launched with --until-clear, whose rule makes"):
        build_report(store, Inference(within=0.5))
