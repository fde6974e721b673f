"""Launches on a Ray of this machine, up to what the driver tells and stores."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import torch
from ray import nodes
from threadpoolctl import threadpool_info

from mnistcmp.cluster.claim import PREFIX
from mnistcmp.cluster.events import Event, Looked, Progress, Reported, Started
from mnistcmp.cluster.fan_out import fan_out
from mnistcmp.cluster.launch import Checkpoint, Launch, Trained, Trains, Worker
from mnistcmp.cluster.live import FILE
from mnistcmp.cluster.placement import Pool
from mnistcmp.cluster.places import OpenPlace
from mnistcmp.cluster.session import Resources, local_ray
from mnistcmp.cluster.stacks import Stack, plan_stacks
from mnistcmp.data.mnist import Mnist
from mnistcmp.errors import UserError
from mnistcmp.networks.architectures import TABLE1_ARCHITECTURES
from mnistcmp.results.outcome import Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.weights import decode_weights
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.sources import record_sources
from mnistcmp.study.study import Run, Study
from mnistcmp.study.until import UntilClear
from mnistcmp.training.device import DeviceChoice
from mnistcmp.training.result import TrainingResult
from tests.support.stored import outcomes_of

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def ray() -> Iterator[Resources]:
    """A Ray with two workers, whose metrics are told twice a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_metrics_report_interval_ms", "500")
        with local_ray(2) as resources:
            yield resources


def _launch(
    study: Study,
    output: Path,
    mnist: Mnist,
    ray: Resources,
    worker: Worker | None = None,
    *,
    device: DeviceChoice = "cpu",
) -> list[Event]:
    class Asked(Launch):
        @property
        def worker(self) -> Worker:
            return worker or super().worker

    return list(OpenPlace(ray, mnist).run(Asked(study=study, output=str(output), device=device)))


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
    assert 2 <= len(middle) <= 5
    assert {type(event) for event in middle} == {Progress}
    assert isinstance(last, Reported)
    assert last.report is not None
    assert [row.n for row in last.report.rows] == [2, 2]
    (only,) = _launch(study, tmp_path, mnist, ray)
    assert isinstance(only, Reported)
    assert only.trained == 0


def test_each_run_uses_one_thread(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """Two runs at a time do not fight for the processors."""

    class Checked(Worker):
        def train(self, stack: Stack, mnist: Mnist, device: DeviceChoice) -> Trains:
            libraries = threadpool_info()
            assert {"blas"} <= {library["user_api"] for library in libraries}
            threads = {lib["num_threads"] for lib in libraries if lib["user_api"] == "blas"}
            assert threads | {torch.get_num_threads()} == {1}
            return super().train(stack, mnist, device)

    assert _progress(_launch(study, tmp_path, mnist, ray, Checked())).finished == 4


def test_a_run_that_raises_is_recorded_and_the_others_finish(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """Its error and traceback are stored; a later launch trains it alone."""

    class Fragile(Worker):
        def train(self, stack: Stack, mnist: Mnist, device: DeviceChoice) -> Trains:
            if any((run.architecture, run.seed) == ("baseline", 1) for run in stack):
                for line in range(3000):
                    sys.stdout.write(f"line {line}\n")
                sys.stderr.write("\x1b[31mfaithful to the end\n")
                raise ValueError("a network that\nbreaks")
            return super().train(stack, mnist, device)

    *_, reported = events = _launch(study, tmp_path, mnist, ray, Fragile())
    assert (_progress(events).finished, _progress(events).failed) == (3, 1)
    assert isinstance(reported, Reported)
    assert [failed.error for failed in reported.failed] == ["ValueError: a network that"]
    store = ResultsStore(tmp_path)
    (row,) = store.read("failures").to_pylist()
    assert (row["architecture"], row["seed"]) == ("baseline", 1)
    assert "in train" in row["traceback"]
    _, printed = row["traceback"].split("The last lines that it printed:\n")
    lines = [f"line {line}" for line in range(2981, 3000)]
    assert printed.splitlines() == [*lines, "faithful to the end"]
    assert len(store.missing(study.runs())) == 1
    assert _progress(_launch(study, tmp_path, mnist, ray)).finished == 1
    assert store.missing(study.runs()) == ()


def test_prometheus_is_told_how_many_runs_are_done_failed_and_in_training(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """By Ray's agent of the node, under the names that the dashboard for Grafana asks for."""

    class Fragile(Worker):
        def train(self, stack: Stack, mnist: Mnist, device: DeviceChoice) -> Trains:
            if stack[0].architecture == "baseline":
                raise ValueError
            return super().train(stack, mnist, device)

    _launch(study.model_copy(update={"name": "measured"}), tmp_path, mnist, ray, Fragile())
    dashboard = (Path(__file__).parents[2] / "docker" / "grafana.json").read_text()
    names = set(re.findall(r"ray_mnistcmp_\w+", dashboard))
    expected = dict.fromkeys(names, 0.0)
    expected["ray_mnistcmp_runs_done_total"] = expected["ray_mnistcmp_runs_failed"] = 2.0
    assert len(expected) == 3
    port = nodes()[0]["MetricsExportPort"]  # type: ignore[no-untyped-call]
    url = f"http://127.0.0.1:{port}/metrics"
    for _ in range(60):
        told = requests.get(url, timeout=5).text
        found = re.findall(r'^(ray_mnistcmp_\w+)\{.*study="measured".*\} (.*)$', told, re.MULTILINE)
        if {name: float(value) for name, value in found} == expected:
            break
        time.sleep(0.5)
    assert {name: float(value) for name, value in found} == expected


def test_a_killed_worker_costs_nothing(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """Ray trains the run again elsewhere; every run is there once."""
    marker = tmp_path / "killed"

    class Dying(Worker):
        def train(self, stack: Stack, mnist: Mnist, device: DeviceChoice) -> Trains:
            if any(run.seed == 1 for run in stack) and not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().train(stack, mnist, device)

    output = tmp_path / "results"
    progress = _progress(_launch(study, output, mnist, ray, Dying()))
    assert marker.exists()
    assert (progress.finished, progress.failed) == (4, 0)
    assert len(ResultsStore(output).read("runs")) == 4


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Launches have a checkpoint after every epoch."""
    monkeypatch.setattr("mnistcmp.cluster.crew.CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr("mnistcmp.cluster.crew.SECONDS_A_CHECKPOINT", 0.0)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("epoch", [1, 2, 4])
def test_a_killed_worker_s_stack_goes_on_from_its_checkpoint(
    epoch: int, tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """Its results are those of an undisturbed launch, bit for bit; no checkpoint is left."""
    marker, resumed = tmp_path / "killed", tmp_path / "resumed"

    class Dying(Worker):
        def train(self, stack: Stack, mnist: Mnist, device: DeviceChoice) -> Trains:
            if self.checkpoint is not None:
                resumed.touch()
            training, told = super().train(stack, mnist, device), 0
            while True:
                try:
                    each = next(training)
                except StopIteration as end:
                    return list(end.value)
                yield each
                told += isinstance(each, Checkpoint)
                if told == epoch and not marker.exists():
                    time.sleep(1)
                    marker.touch()
                    os.kill(os.getpid(), signal.SIGKILL)

    few = study.model_copy(update={"architectures": ("siamese-shared-aux",)}).under(
        Recipe(epochs=6, train_pairs=100, test_pairs=40)
    )
    *_, reported = _launch(few, tmp_path / "killed-results", mnist, ray, Dying())
    _launch(few, tmp_path / "results", mnist, ray)
    assert resumed.exists()
    assert isinstance(reported, Reported)
    assert "because a worker's process died" in (reported.again or "")
    order = [("seed", "ascending"), ("epoch", "ascending")]
    disturbed, undisturbed = (
        ResultsStore(tmp_path / name).read("epochs").sort_by(order)
        for name in ("killed-results", "results")
    )
    assert disturbed.equals(undisturbed)
    assert not list((tmp_path / "killed-results" / "checkpoints").iterdir())


def test_epochs_are_told_while_runs_train_and_a_death_in_between_costs_nothing(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second worker begins anew, and tells fewer epochs than the first had told."""
    marker = tmp_path / "killed"
    monkeypatch.setattr("mnistcmp.cluster.tally.SECONDS_BETWEEN", (0.0, 0.0))

    def trained(epochs: int) -> Trained:
        return Trained(
            host="here", device="cpu", epochs=epochs, seconds=1.0, train=(0.5,), validation=(0.25,)
        )

    class Telling(Worker):
        def train(self, stack: Stack, mnist: Mnist, device: DeviceChoice) -> Trains:
            if not marker.exists():
                for epoch in (1, 2, 3):
                    yield trained(epoch)
                # What was told is to be away before the process is gone.
                time.sleep(1)
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            yield trained(1)
            return (yield from super().train(stack, mnist, device))

    few = study.model_copy(update={"seeds": (0,), "architectures": ("baseline",)}).under(
        Recipe(epochs=4, train_pairs=100, test_pairs=40)
    )
    events = _launch(few, tmp_path / "results", mnist, ray, Telling())
    told = [part for e in events if isinstance(e, Progress) for part in e.training]
    assert [part.epoch for part in told][:4] == [1, 2, 3, 1]
    assert {(part.condition, part.seeds, part.epochs) for part in told} == {("baseline", (0,), 4)}
    shares = [share for share, _ in groupby(e.share for e in events if isinstance(e, Progress))]
    assert (shares[:6], shares[-1]) == ([0, 0.25, 0.5, 0.75, 0, 0.25], 1)
    assert (_progress(events).finished, _progress(events).left) == (1, 0)
    assert len(ResultsStore(tmp_path / "results").read("runs")) == 1


def test_what_is_told_of_a_stack_is_of_all_its_runs(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also once one of them has raised, and the others are trained singly."""
    monkeypatch.setattr("mnistcmp.cluster.tally.SECONDS_BETWEEN", (0.0, 0.0))

    class Raising(Worker):
        def train(self, stack: Stack, mnist: Mnist, device: DeviceChoice) -> Trains:
            half = (0.5,) * len(stack)
            yield Trained(host="x", device="cpu", epochs=1, seconds=1, train=half, validation=half)
            if any(run.seed == 1 for run in stack):
                raise ValueError("in the second epoch")
            return (yield from super().train(stack, mnist, device))

    wide = study.model_copy(update={"seeds": tuple(range(4)), "architectures": ("baseline",)})
    events = _launch(wide, tmp_path, mnist, ray, Raising())
    told = [part for e in events if isinstance(e, Progress) for part in e.training]
    assert max(len(part.seeds) for part in told) > 1
    assert {len(part.train) - len(part.seeds) for part in told} == {0}
    assert (_progress(events).finished, _progress(events).failed) == (3, 1)


def test_a_worker_that_always_dies_fails_its_run_alone(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """It is recorded with how its process ended and the last lines of it; the others are stored."""

    class Dying(Worker):
        def train(self, stack: Stack, mnist: Mnist, device: DeviceChoice) -> Trains:
            if any((run.architecture, run.seed) == ("baseline", 0) for run in stack):
                os.write(2, b"no \x1b[31mroom for that\n")
                os._exit(3)
            return super().train(stack, mnist, device)

    progress = _progress(_launch(study, tmp_path, mnist, ray, Dying()))
    assert (progress.finished, progress.failed) == (3, 1)
    (failure,) = ResultsStore(tmp_path).read("failures").to_pylist()
    assert (failure["architecture"], failure["seed"]) == ("baseline", 0)
    assert failure["error"].endswith("the process that trained it ended itself with exit code 3")
    assert failure["traceback"].endswith("\nno room for that")
    assert failure["host"] is not None


def test_what_a_worker_cannot_read_fails_with_its_cause(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """In its own words, without Ray's account of the task and without colours."""

    def refuse() -> None:
        raise ImportError("\x1b[31mno module of mine\x1b[39m")

    class Unreadable(Worker):
        def __reduce__(self) -> Any:  # noqa: ANN401 - as pickle has it
            return refuse, ()

    *_, reported = _launch(study, tmp_path, mnist, ray, Unreadable())
    assert isinstance(reported, Reported)
    assert len(reported.failed) == 4
    for failed in reported.failed:
        assert failed.error == "RaySystemError: System error: no module of mine"
    for row in ResultsStore(tmp_path).read("failures").to_pylist():
        assert "in refuse" in row["traceback"]
        assert "\x1b" not in row["error"] + row["traceback"]


def test_progress_counts_what_ended(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """From none to all; running never exceeds the workers or what is left."""
    events = _launch(study, tmp_path, mnist, ray)
    seen = [(e.done, e.running) for e in events if isinstance(e, Progress)]
    assert (seen[0], seen[-1]) == ((0, 0), (4, 0))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert all(running <= min(2, 4 - done) for done, running in seen)


def test_stacks_are_begun_in_the_order_of_their_plan(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """The longest first, whatever their architecture; else the last worker ends long after all."""

    class Slow(Worker):
        def train(self, stack: Stack, mnist: Mnist, device: DeviceChoice) -> Trains:
            time.sleep(0.3)
            return super().train(stack, mnist, device)

    study = study.model_copy(update={"architectures": TABLE1_ARCHITECTURES})
    planned = plan_stacks(study.runs(), [Pool(gpu=False, device="cpu", slots=2)])
    _launch(study, tmp_path, mnist, ray, Slow())
    rows = ResultsStore(tmp_path).read("runs").to_pylist()
    began = {row["run_id"]: row["started_at"] for row in rows}
    found = sorted(planned, key=lambda stack: began[stack[0].run_id])
    # Two begin at about the same moment.
    assert all(abs(found.index(stack) - planned.index(stack)) <= 1 for stack in planned)


HANGS = """
import time
from torch import nn

class Hangs(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.calls = nn.Linear(392, 2), 0

    def forward(self, pairs):
        self.calls += 1
        if self.calls == 12:
            time.sleep(600)
        return self.layer(pairs.flatten(1))
"""


def test_a_run_that_hangs_fails_alone(
    custom_folder: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """With where it did; the others go on, and are not ended with it."""
    (custom_folder / "hanging.py").write_text(HANGS)
    names = ("baseline", "hanging:Hangs")
    study = record_sources(study.model_copy(update={"architectures": names, "seeds": (0,)}))
    recipe = Recipe(epochs=3, train_pairs=100, test_pairs=40, batch_size=10)
    work = Launch(study=study.under(recipe), output=str(custom_folder / "x"), run_timeout=4)
    *_, reported = OpenPlace(ray, mnist).run(work)
    assert isinstance(reported, Reported)
    (failed,) = reported.failed
    assert failed.condition == "hanging:Hangs"
    assert failed.error == "RunHangsError: not done in 4 s, as --run-timeout allows"
    (row,) = ResultsStore(custom_folder / "x").read("failures").to_pylist()
    assert "in forward" in row["traceback"]
    assert "time.sleep(600)" in row["traceback"]


AWAKE = """
import gc
import os
from torch import nn

class Awake(nn.Linear):
    def __init__(self):
        super().__init__(392, 2)

    def forward(self, pairs):
        if "MNISTCMP_NETWORK" in os.environ and gc.get_freeze_count() == 0:
            raise RuntimeError("nobody woke this worker")
        return super().forward(pairs.flatten(1))
"""


def test_a_custom_network_s_workers_are_woken_too(
    custom_folder: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """As those of the report's networks: what they have imported is frozen before they train."""
    (custom_folder / "waking.py").write_text(AWAKE)
    study = study.model_copy(update={"architectures": ("waking:Awake",)})
    work = Launch(study=record_sources(study), output=str(custom_folder / "x"))
    *_, reported = OpenPlace(ray, mnist).run(work)
    assert isinstance(reported, Reported)
    # One that comes up late may find that the other was woken twice.
    assert len(reported.failed) < 2


def test_a_second_launch_into_a_folder_is_refused_while_the_first_trains(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """And goes on from what the first left, once that is gone, however it ended."""
    work = Launch(study=study, output=str(tmp_path))
    first = OpenPlace(ray, mnist).run(work)
    assert isinstance(next(first), Started)
    assert isinstance(next(first), Progress)
    told = (tmp_path / FILE).read_text()
    (claim,) = tmp_path.glob(f"{PREFIX}*")
    content = claim.read_text()
    with pytest.raises(UserError, match="is being trained into already, by process"):
        next(OpenPlace(ray, mnist).run(work))
    assert (tmp_path / FILE).read_text() == told
    first.close()
    assert not list(tmp_path.glob(f"{PREFIX}*"))
    ended = subprocess.Popen(["true"])  # noqa: S607 - any process
    ended.wait()
    claim.write_text(content.replace(f'"number":{os.getpid()}', f'"number":{ended.pid}'))
    *_, reported = OpenPlace(ray, mnist).run(work)
    assert isinstance(reported, Reported)
    assert reported.trained == len(study.runs())
    assert not (tmp_path / FILE).exists()
    assert not claim.exists()


def test_runs_whose_weights_are_damaged_are_trained_again_for_them(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """By a launch that keeps weights, which says so; others leave all as it is."""
    work = Launch(study=study, output=str(tmp_path), weights="best")
    list(OpenPlace(ray, mnist).run(work))
    path = min((tmp_path / "weights").iterdir())
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    *_, reported = OpenPlace(ray, mnist).run(Launch(study=study, output=str(tmp_path)))
    assert isinstance(reported, Reported)
    assert reported.trained == 0
    started, *_, reported = OpenPlace(ray, mnist).run(work)
    assert isinstance(started, Started)
    assert isinstance(reported, Reported)
    assert path.name in (started.notice or "")
    assert 1 <= reported.trained < len(study.runs())
    before, after = (decode_weights(each, "x").tensors for each in (whole, path.read_bytes()))
    np.testing.assert_equal(after, before)


def test_a_launch_can_end_with_the_first_failures(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """What was not trained then is trained by the next launch."""

    class Failing(Launch):
        @property
        def worker(self) -> Worker:
            return Raising()

    class Raising(Worker):
        def train(self, stack: Stack, mnist: Mnist, device: DeviceChoice) -> Trains:
            del stack, mnist, device
            raise ValueError("no")

    study = study.model_copy(update={"seeds": tuple(range(30))})
    work = Failing(study=study, output=str(tmp_path), max_failures=1)
    *_, reported = OpenPlace(ray, mnist).run(work)
    assert isinstance(reported, Reported)
    assert 1 <= len(reported.failed) == reported.trained < 60
    assert reported.stopped is not None
    assert f"{60 - reported.trained} runs of the launch are not trained" in reported.stopped
    assert len(ResultsStore(tmp_path).missing(study.runs())) == 60


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

    class Quick(Worker):
        def train(self, stack: Stack, mnist: Mnist, device: DeviceChoice) -> Trains:
            del stack, mnist, device
            yield from ()
            return [result]

    told = fan_out("many", stacks, mnist, Quick(), pools=lambda: pools)
    outcomes = outcomes_of(told)
    assert all(isinstance(outcome, Finished) for outcome in outcomes)
    assert {outcome.run.run_id for outcome in outcomes} == {run.run_id for run in runs}
    assert len(outcomes) == 600


def test_seeds_are_added_look_by_look(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """Until the rule ends; a launch goes on after a look, and one that is over trains nothing."""
    ruled = study.model_copy(update={"until_clear": UntilClear(margin=1e-6, batch=2)})
    ruled = ruled.model_copy(update={"seeds": (0, 1, 2, 3, 4)})
    store = ResultsStore(tmp_path)
    told = OpenPlace(ray, mnist).run(Launch(study=ruled, output=str(tmp_path)))
    with closing(told):
        first = next(event for event in told if isinstance(event, Looked))
    assert (first.seeds, first.most, first.open) == (2, 5, ("siamese-shared-aux",))
    assert len(store.finished_run_ids()) == 4
    events = _launch(ruled, tmp_path, mnist, ray)
    assert [event.seeds for event in events if isinstance(event, Looked)] == [4, 5]
    assert sum(isinstance(event, Started) for event in events) == 1
    last = events[-1]
    assert isinstance(last, Reported)
    assert last.trained == 6
    assert last.report is not None
    assert last.report.until is not None
    assert last.report.until.is_over
    (only,) = _launch(ruled, tmp_path, mnist, ray)
    assert isinstance(only, Reported)
    assert only.trained == 0


def test_after_its_budget_a_launch_begins_nothing_more(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """What is in training ends, the report says what is missing, and a launch goes on there."""

    class Slow(Worker):
        def train(self, stack: Stack, mnist: Mnist, device: DeviceChoice) -> Trains:
            time.sleep(2)
            return super().train(stack, mnist, device)

    class Short(Launch):
        @property
        def worker(self) -> Worker:
            return Slow()

    wide = study.model_copy(update={"seeds": tuple(range(20))})
    *_, last = OpenPlace(ray, mnist).run(Short(study=wide, output=str(tmp_path), budget=1.5))
    assert isinstance(last, Reported)
    assert last.trained == 20
    assert last.stopped == "Stopped as --budget asks: 20 runs of the launch are not trained."
    assert last.report is not None
    assert len(last.report.missing) == 20
    assert _progress(_launch(wide, tmp_path, mnist, ray)).finished == 20
