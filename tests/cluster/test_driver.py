"""Launches on a Ray of this machine, up to what the driver tells and stores."""

import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_info

from mnistcmp.cluster.driver import LaunchRequest, run_launch
from mnistcmp.cluster.events import Event, Progress, Reported, Started
from mnistcmp.cluster.fanout import Train, fan_out, train_on
from mnistcmp.cluster.placement import Pool
from mnistcmp.cluster.session import Resources, local_ray
from mnistcmp.cluster.stacks import Stack
from mnistcmp.data.mnist import Mnist
from mnistcmp.errors import UserError
from mnistcmp.results.outcome import Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.study import Run, Study
from mnistcmp.training.device import DeviceChoice
from mnistcmp.training.result import TrainingResult

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def ray() -> Iterator[Resources]:
    """A Ray with two workers."""
    with local_ray(2) as resources:
        yield resources


def _launch(
    study: Study,
    output: Path,
    mnist: Mnist,
    ray: Resources,
    *,
    train: Train = train_on,
    device: DeviceChoice = "cpu",
) -> list[Event]:
    events: list[Event] = []
    run_launch(
        LaunchRequest(study=study, output=str(output), device=device),
        load_mnist=lambda: mnist,
        connect=lambda: nullcontext(ray),
        tell=events.append,
        train=train,
    )
    return events


def _progress(events: list[Event]) -> Progress:
    return next(event for event in reversed(events) if isinstance(event, Progress))


def test_a_study_comes_back_as_it_is_trained_here(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources, results: dict[Run, TrainingResult]
) -> None:
    """Every run is stored, with the numbers that the trainer gives in this process."""
    events = _launch(study, tmp_path, mnist, ray)
    assert _progress(events).finished == 4
    stored = {row["run_id"]: row for row in ResultsStore(tmp_path).read("runs").to_pylist()}
    for run, result in results.items():
        assert stored[run.run_id]["test_accuracy"] == result.test.accuracy
        assert stored[run.run_id]["test_loss"] == result.test.loss


def test_a_launch_tells_its_start_its_progress_and_its_report(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """In this order; and where nothing is missing, the report alone."""
    first, *middle, last = _launch(study, tmp_path, mnist, ray)
    assert isinstance(first, Started)
    assert (first.total, first.kept, first.cpus) == (4, 0, 2)
    assert len(middle) == 5
    assert isinstance(last, Reported)
    assert last.report is not None
    assert [row.accuracy.n for row in last.report.rows] == [2, 2]
    (only,) = _launch(study, tmp_path, mnist, ray)
    assert isinstance(only, Reported)
    assert only.trained == 0


def test_each_run_uses_one_thread(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """Two runs at a time do not fight for the processors."""

    def checked(stack: Stack, mnist: Mnist, device: DeviceChoice) -> list[TrainingResult]:
        libraries = threadpool_info()
        assert {"blas"} <= {library["user_api"] for library in libraries}
        threads = {lib["num_threads"] for lib in libraries if lib["user_api"] == "blas"}
        assert threads | {torch.get_num_threads()} == {1}
        return train_on(stack, mnist, device)

    assert _progress(_launch(study, tmp_path, mnist, ray, train=checked)).finished == 4


def test_a_run_that_raises_is_recorded_and_the_others_finish(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """Its error and traceback are stored; a later launch trains it alone."""

    def fragile(stack: Stack, mnist: Mnist, device: DeviceChoice) -> list[TrainingResult]:
        if any((run.architecture, run.seed) == ("baseline", 1) for run in stack):
            raise ValueError("a network that\nbreaks")
        return train_on(stack, mnist, device)

    *_, reported = events = _launch(study, tmp_path, mnist, ray, train=fragile)
    assert (_progress(events).finished, _progress(events).failed) == (3, 1)
    assert isinstance(reported, Reported)
    assert [failed.error for failed in reported.failed] == ["ValueError: a network that"]
    store = ResultsStore(tmp_path)
    (row,) = store.read("failures").to_pylist()
    assert (row["architecture"], row["seed"]) == ("baseline", 1)
    assert "in fragile" in row["traceback"]
    assert len(store.missing(study.runs())) == 1
    assert _progress(_launch(study, tmp_path, mnist, ray)).finished == 1
    assert store.missing(study.runs()) == ()


def test_a_killed_worker_costs_nothing(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """Ray trains the run again elsewhere; every run is there once."""
    marker = tmp_path / "killed"

    def dying(stack: Stack, mnist: Mnist, device: DeviceChoice) -> list[TrainingResult]:
        if any(run.seed == 1 for run in stack) and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return train_on(stack, mnist, device)

    output = tmp_path / "results"
    progress = _progress(_launch(study, output, mnist, ray, train=dying))
    assert marker.exists()
    assert (progress.finished, progress.failed) == (4, 0)
    assert len(ResultsStore(output).read("runs")) == 4


def test_a_worker_that_always_dies_fails_its_run_alone(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """After Ray's retries the run is recorded as failed; the others are stored."""

    def dying(stack: Stack, mnist: Mnist, device: DeviceChoice) -> list[TrainingResult]:
        if any((run.architecture, run.seed) == ("baseline", 0) for run in stack):
            os.kill(os.getpid(), signal.SIGKILL)
        return train_on(stack, mnist, device)

    progress = _progress(_launch(study, tmp_path, mnist, ray, train=dying))
    assert (progress.finished, progress.failed) == (3, 1)
    (failure,) = ResultsStore(tmp_path).read("failures").to_pylist()
    assert (failure["architecture"], failure["seed"]) == ("baseline", 0)
    assert "WorkerCrashedError" in failure["error"]


def test_progress_counts_what_ended(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """Done goes up by one; running never exceeds the workers or what is left."""
    seen: list[tuple[int, int]] = []
    run_launch(
        LaunchRequest(study=study, output=str(tmp_path), device="cpu"),
        load_mnist=lambda: mnist,
        connect=lambda: nullcontext(ray),
        tell=lambda e: seen.append((e.done, e.running)) if isinstance(e, Progress) else None,
    )
    assert seen == [(0, 2), (1, 2), (2, 2), (3, 1), (4, 0)]


def test_a_device_that_is_not_there_is_refused_before_anything_is_written(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """Not waited for."""
    with pytest.raises(
        UserError, match="asks for 1 CPU and 1 GPU of one machine, and this machine has 2 CPUs"
    ):
        _launch(study, tmp_path / "results", mnist, ray, device="cuda")
    assert not (tmp_path / "results").exists()


def test_more_runs_than_are_handed_out_at_once_all_come_back(
    study: Study,
    mnist: Mnist,
    ray: Resources,  # noqa: ARG001 - a running Ray
    results: dict[Run, TrainingResult],
) -> None:
    """Six hundred runs, whatever order they end in; each comes back once."""
    result = next(iter(results.values()))
    runs = study.model_copy(update={"seeds": tuple(range(300))}).runs()
    stacks = [(run,) for run in runs]
    pools = [Pool(gpu=False, device="cpu", slots=2)]
    outcomes = list(fan_out(stacks, mnist, pools, train=lambda *_: [result]))
    assert all(isinstance(outcome, Finished) for outcome in outcomes)
    assert {outcome.run.run_id for outcome in outcomes} == {run.run_id for run in runs}
    assert len(outcomes) == 600
