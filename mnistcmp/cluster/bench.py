"""What distributing and storing costs: a study whose runs take no time to train."""

import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnistcmp.cluster.driver import LaunchRequest, run_launch
from mnistcmp.cluster.events import Event, Progress
from mnistcmp.cluster.session import local_ray
from mnistcmp.data import Digits, Mnist
from mnistcmp.study import Run, Study
from mnistcmp.training import DeviceChoice, Epoch, Predictions, Score, TrainingResult


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

    Each run gives back at once a result as large as a real one: 150 epochs, 1,000 predictions.

    Raises:
        UserError: Ray does not start.
    """
    clock = _Clock()
    with local_ray(workers) as resources, tempfile.TemporaryDirectory() as folder:
        cpus = sum(node.cpus for node in resources.nodes)
        empty = Digits(images=np.zeros((1, 14, 14), np.float32), labels=np.zeros(1, np.int64))
        for name, count in (("warm-up", cpus * 4), ("measured", runs)):
            study = Study(name=name, architectures=("baseline",), seeds=tuple(range(count)))
            run_launch(
                LaunchRequest(study=study, output=str(Path(folder) / name), device="cpu"),
                load_mnist=lambda: Mnist(train=empty, test=empty),
                connect=lambda: nullcontext(resources),
                tell=clock.note,
                train=_train_nothing,
            )
    return DriverCost(
        runs=runs,
        workers=cpus,
        wall_ms_per_run=1000 * clock.wall / runs,
        driver_cpu_ms_per_run=1000 * clock.cpu / runs,
    )


class _Clock:
    """Times the last study that told of its progress."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0
        self._started = (0.0, 0.0)

    def note(self, event: Event) -> None:
        if not isinstance(event, Progress):
            return
        now = time.perf_counter(), time.process_time()
        if event.done == 0:
            self._started = now
        self.wall, self.cpu = now[0] - self._started[0], now[1] - self._started[1]


def _train_nothing(_run: Run, _mnist: Mnist, _device: DeviceChoice) -> TrainingResult:
    score = Score(loss=0.5, accuracy=0.5)
    pairs = np.zeros((1000, 2), np.int64)
    return TrainingResult(
        parameters=1,
        epochs=(Epoch(train=score, validation=score),) * 150,
        best_epoch=1,
        test=score,
        predictions=Predictions(
            sources=pairs,
            digits=pairs,
            labels=pairs[:, 0],
            probabilities=np.zeros(1000, np.float32),
            predicted=pairs[:, 0],
            predicted_digits=pairs,
        ),
        device="cpu",
        seconds=0.0,
    )
