"""What distributing and storing costs."""

import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from typing_extensions import override

from mnistcmp.cluster.events import Event, Progress
from mnistcmp.cluster.launch import Launch, Trains, Worker
from mnistcmp.cluster.places import OpenPlace
from mnistcmp.cluster.session import local_ray
from mnistcmp.cluster.stacks import Stack
from mnistcmp.data.mnist import Digits, Mnist
from mnistcmp.study.study import Study
from mnistcmp.training.device import DeviceChoice
from mnistcmp.training.result import Epochs, Predictions, Round, Score, TrainingResult


@dataclass(frozen=True, kw_only=True, slots=True)
class DriverCost:
    """What the driver spent on a study of empty runs."""

    runs: int
    workers: int
    wall_ms_per_run: float
    """From the first run handed out to the last one stored: driver, Ray and workers together."""
    driver_cpu_ms_per_run: float
    """Of the driver's own process, storing included."""


def measure_driver_cost(runs: int, workers: int | None) -> DriverCost:
    """Runs an empty study on a Ray of this machine, and throws its results away.

    Its stacks are those of a real launch, and each run gives back at once a result as large as a
    real one: 150 epochs, 1,000 predictions.

    Raises:
        UserError: Ray does not start.
    """
    with local_ray(workers) as resources, tempfile.TemporaryDirectory() as folder:
        cpus = sum(node.cpus for node in resources.nodes)
        empty = Digits(images=np.zeros((1, 14, 14), np.float32), labels=np.zeros(1, np.int64))
        place = OpenPlace(resources, Mnist(train=empty, test=empty))
        for name, count in (("warm-up", cpus * 4), ("measured", runs)):
            study = Study(name=name, architectures=("baseline",), seeds=tuple(range(count)))
            launch = _EmptyLaunch(study=study, output=str(Path(folder) / name), device="cpu")
            wall, cpu = _timed(place.run(launch))
    return DriverCost(
        runs=runs,
        workers=cpus,
        wall_ms_per_run=1000 * wall / runs,
        driver_cpu_ms_per_run=1000 * cpu / runs,
    )


def _timed(events: Iterable[Event]) -> tuple[float, float]:
    """Seconds from the first progress that is told to the last: on the clock, of this processor."""
    told = (event for event in events if isinstance(event, Progress))
    times = [(time.perf_counter(), time.process_time()) for _ in told]
    return times[-1][0] - times[0][0], times[-1][1] - times[0][1]


@cache
def _result(seed: int) -> TrainingResult:
    """As large as a real one, and no two alike: equal ones would travel as one."""
    random = np.random.default_rng(seed)

    def score() -> Score:
        return Score(loss=random.random(), accuracy=random.random())

    digits = random.integers(0, 10, (1000, 2))
    predictions = Predictions(
        sources=random.integers(0, 10_000, (1000, 2)),
        digits=digits,
        labels=(digits[:, 0] <= digits[:, 1]).astype(np.int64),
        probabilities=random.random(1000, np.float32),
        predicted=random.integers(0, 2, 1000),
        predicted_digits=digits,
    )
    return TrainingResult(
        parameters=1,
        epochs=Epochs(random.random((150, 4))),
        rounds=(Round(best_epoch=150, test=score(), predictions=predictions),),
        device="cpu",
        seconds=0.0,
    )


class _Idle(Worker):
    """Trains nothing."""

    @override
    def train(self, stack: Stack, mnist: Mnist, device: DeviceChoice) -> Trains:
        yield from ()
        return [_result(place) for place in range(len(stack))]


class _EmptyLaunch(Launch):
    @property
    @override
    def worker(self) -> Worker:
        return _Idle()
