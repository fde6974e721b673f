"""A launch as data: the JSON that asks for it, what is told of it, and its count."""

import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mnistcmp.cluster.events import Ended, Started, from_line, to_line
from mnistcmp.cluster.launch import Launch, Trained, Worker
from mnistcmp.cluster.tally import Tally
from mnistcmp.cluster.work import read_work
from mnistcmp.results.outcome import Failed, Finished
from mnistcmp.study.combine import combine
from mnistcmp.study.named import STUDIES, TABLE1
from mnistcmp.study.study import Run, Study
from mnistcmp.training.result import TrainingResult
from tests.support.clusters import KINDS, PROJECT
from tests.support.stored import NOON, diverged, with_accuracy


@pytest.mark.parametrize("study", STUDIES.values(), ids=lambda study: study.name)
def test_a_launch_comes_back_from_its_json(study: Study) -> None:
    """Whole, whatever the study."""
    launch = Launch(study=study, output="x", fresh=True, device="cpu", weights="best")
    assert read_work(launch.to_json(), KINDS) == launch


@pytest.mark.parametrize("path", sorted((PROJECT / "jobs").glob("*.json")), ids=lambda p: p.name)
def test_each_request_in_jobs_can_be_submitted(path: Path) -> None:
    """As it is; it is named as its work."""
    assert read_work(path.read_text(encoding="utf-8"), KINDS).name == path.stem


def test_table1_s_request_is_table_1() -> None:
    """What it leaves out is Table I's."""
    text = (PROJECT / "jobs" / "table1.json").read_text(encoding="utf-8")
    assert set(read_work(text, KINDS).study.runs()) == set(TABLE1.runs())


def test_a_worker_is_told_what_a_launch_says() -> None:
    """Whether to keep weights, and of which source custom networks are to be."""
    assert Launch(study=TABLE1).worker == Worker()
    assert Launch(study=TABLE1, weights="best").worker == Worker(keep_weights=True)


@pytest.mark.parametrize("ending", ["", "...", '"kind": "nonesuch"}', '{"kind": "started"}', "[]"])
def test_a_line_that_was_cut_or_is_no_event_is_passed_over(ending: str) -> None:
    """A job's log has other lines too."""
    event = Started(place="p", cpus=1, gpus=0, output="x", total=2, kept=0)
    assert from_line(f"10:00 {to_line(event)}") == event
    assert from_line(to_line(event)[:-3]) is None
    assert from_line(f"mnistcmp-event: {ending}") is None


def test_mean_and_deviation_follow_the_runs(
    study: Study, results: dict[Run, TrainingResult], finish: Callable[[Run], Finished]
) -> None:
    """As of all values at once; one run has no deviation, and a failed one no accuracy."""
    first = study.runs()[0]
    accuracies = [0.81, 0.79, 0.86, 0.80]
    outcomes = [
        replace(
            finish(first), run=replace(first, seed=seed), result=with_accuracy(results[first], a)
        )
        for seed, a in enumerate(accuracies)
    ]
    first_stack, *others = (outcome.run for outcome in outcomes)
    stacks = [(first_stack,), tuple(others), (replace(first, seed=9),)]
    tally = Tally(stacks, workers=2, combined=combine([study], place="x"))
    for stack in stacks[:2]:
        tally.note_beginning(stack)
    assert tally.progress().running == 4
    tally.note(stacks[0], outcomes[:1])
    (before,) = tally.progress().conditions
    assert (before.mean, before.deviation) == (0.81, None)
    tally.note(stacks[1], outcomes[1:])
    error = Failed(run=stacks[2][0], error="E: x", traceback="", host=None, failed_at=NOON)
    tally.note(stacks[2], [error])
    progress = tally.progress()
    (part,) = progress.conditions
    assert (part.total, part.finished, part.failed) == (5, 4, 1)
    assert part.mean == pytest.approx(statistics.mean(accuracies))
    assert part.deviation == pytest.approx(statistics.stdev(accuracies))
    assert progress.best == Ended(condition="baseline", seed=2, accuracy=0.86)
    assert progress.latest == tally.failed[0] == Ended(condition="baseline", seed=9, error="E: x")
    assert [ended.seed for ended in progress.ended] == [1, 2, 3, 9]
    assert tally.progress().ended == ()
    assert (before.finished, before.mean) == (1, 0.81)


def test_a_run_that_diverged_is_finished_without_an_accuracy(
    study: Study, results: dict[Run, TrainingResult], finish: Callable[[Run], Finished]
) -> None:
    """It is counted, and told; the mean is of the others, and no best run diverged."""
    first = study.runs()[0]
    runs = tuple(replace(first, seed=seed) for seed in (0, 1))
    tally = Tally([runs[1:], runs[:1]], workers=1, combined=combine([study], place="x"))
    tally.note(runs[1:], [replace(finish(first), run=runs[1], result=diverged(results[first]))])
    (part,) = tally.progress().conditions
    assert (part.finished, part.diverged, part.mean) == (1, 1, None)
    assert tally.progress().best is None
    tally.note(runs[:1], [replace(finish(first), run=runs[0])])
    progress = tally.progress()
    assert progress.conditions[0].mean == pytest.approx(results[first].test.accuracy)
    assert (progress.done, progress.diverged, progress.failed) == (2, 1, 0)
    latest = Ended(condition="baseline", seed=1, diverged_epoch=7)
    assert from_line(to_line(replace(progress, latest=latest))) == replace(progress, latest=latest)


def test_a_lost_stack_is_in_training_no_more(
    study: Study, finish: Callable[[Run], Finished]
) -> None:
    """What it had told is of a worker that is gone."""
    stack = tuple(run for run in study.runs() if run.architecture == "baseline")
    tally = Tally([stack], workers=1, combined=combine([study], place="x"))
    tally.note_epoch(
        stack,
        Trained(
            host="here", device="cpu", epochs=1, seconds=1, train=(0.5, 0.5), validation=(0.5, 0.5)
        ),
    )
    (told,) = tally.progress().training
    assert (told.condition, told.seeds, told.epoch) == ("baseline", (0, 1), 1)
    parts = stack[:1], stack[1:]
    tally.note_plan([stack], parts, workers=1, why="a node was lost")
    assert tally.progress().training == ()
    assert tally.again == {"a node was lost": 1}
    tally.note(stack[:1], [finish(stack[0])])
    assert tally.progress().share == pytest.approx(0.5)


def test_progress_is_due_at_the_end_and_not_twice(
    study: Study, finish: Callable[[Run], Finished]
) -> None:
    """Between, twice a second at most."""
    stacks = [(run,) for run in study.runs()]
    tally = Tally(stacks, workers=1, combined=combine([study], place="x"))
    assert tally.progress().done == 0
    due = []
    for (run,) in stacks:
        tally.note((run,), [finish(run)])
        due.append(tally.due())
    assert due == [False, False, False, True]
    assert tally.progress().done == 4
    assert not tally.due()
