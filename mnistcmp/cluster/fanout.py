"""Runs as Ray tasks: each is trained on whichever worker is free, and comes back when it ends."""

import traceback
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

import ray
import torch
from ray.exceptions import RayError

from mnistcmp.data import Mnist
from mnistcmp.provenance import environment
from mnistcmp.results import Failed, Finished
from mnistcmp.study import Run
from mnistcmp.training import DeviceChoice, TrainingResult, resolve_device, train

Outcome = Finished | Failed
Train = Callable[[Run, Mnist, torch.device], TrainingResult]

IN_FLIGHT_PER_WORKER = 4
"""Tasks handed to Ray per worker, so that none waits for the driver; the rest stay here."""


def fan_out(
    runs: Iterable[Run],
    mnist: Mnist,
    *,
    device: DeviceChoice,
    workers: int,
    train: Train = train,
) -> Iterator[Outcome]:
    """Trains the runs on the connected Ray, and yields each outcome as soon as it is there.

    A run that raises is yielded as failed, and so is one whose worker died four times; the others
    go on. MNIST travels once per machine, through Ray's object store.
    """
    gpus = 1 if device == "cuda" else 0
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=3)(_train_one)
    shared = ray.put(mnist)
    waiting = iter(runs)
    in_flight: dict[ray.ObjectRef[Outcome], Run] = {}
    while True:
        for run in islice(waiting, IN_FLIGHT_PER_WORKER * workers - len(in_flight)):
            in_flight[task.remote(run, shared, device, train)] = run
        if not in_flight:
            return
        for reference in ray.wait(list(in_flight), num_returns=1)[0]:
            yield _outcome(reference, in_flight.pop(reference))


def _train_one(run: Run, mnist: Mnist, device: DeviceChoice, train: Train) -> Outcome:
    """In a worker: one run on one thread. Errors are results too."""
    # Ray sets OMP_NUM_THREADS only where a worker is fresh; this holds for a re-used one as well.
    torch.set_num_threads(1)
    started_at = datetime.now(UTC)
    try:
        result = train(run, mnist, resolve_device(device))
    except Exception as error:  # noqa: BLE001 - whatever a network raises is its run's failure
        return Failed(
            run=run,
            error=_in_one_line(error),
            traceback=traceback.format_exc(),
            host=environment().host,
            failed_at=datetime.now(UTC),
        )
    return Finished(
        run=run,
        result=result,
        environment=environment(),
        started_at=started_at,
        finished_at=datetime.now(UTC),
    )


def _outcome(reference: ray.ObjectRef[Outcome], run: Run) -> Outcome:
    try:
        outcome: Outcome = ray.get(reference)
    except RayError as error:
        return Failed(
            run=run,
            error=_in_one_line(error),
            traceback=str(error),
            host=None,
            failed_at=datetime.now(UTC),
        )
    return outcome


def _in_one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
