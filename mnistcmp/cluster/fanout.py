"""Runs as Ray tasks: each is trained on whichever worker is free, and comes back when it ends."""

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

import ray
import torch
from ray.exceptions import RayError

from mnistcmp.cluster.placement import Pool
from mnistcmp.data import Mnist
from mnistcmp.provenance import environment
from mnistcmp.results import Failed, Finished
from mnistcmp.study import Run
from mnistcmp.training import DeviceChoice, TrainingResult, resolve_device, train

Outcome = Finished | Failed
Train = Callable[[Run, Mnist, DeviceChoice], TrainingResult]

IN_FLIGHT = 256
"""Tasks handed to Ray at a time where there is one kind of device: enough that no worker waits for
the driver and that an autoscaler sees work, and few enough for a study of a million runs."""


def train_on(run: Run, mnist: Mnist, device: DeviceChoice) -> TrainingResult:
    """`train`, on a kind of device of this machine."""
    return train(run, mnist, resolve_device(device))


def warm_up(pools: Sequence[Pool]) -> None:
    """Has the workers import what a run needs, while the driver does something else."""
    task = ray.remote(num_cpus=1)(_nothing)
    for _ in range(sum(pool.slots for pool in pools)):
        task.remote()


def _nothing() -> None:
    """To find it, a worker imports this module, and torch with it."""


def fan_out(
    runs: Iterable[Run], mnist: Mnist, pools: Sequence[Pool], *, train: Train = train_on
) -> Iterator[Outcome]:
    """Trains the runs on the connected Ray, and yields each outcome as soon as it is there.

    A run that raises is yielded as failed, and so is one whose worker died four times; the others
    go on. MNIST travels once per machine, through Ray's object store. With several pools, each
    takes the next run when it has a place free.
    """
    shared = ray.put(mnist)
    tasks = [
        ray.remote(num_cpus=1, num_gpus=int(pool.gpu), max_retries=3)(_train_one) for pool in pools
    ]
    windows = [IN_FLIGHT + pool.slots if len(pools) == 1 else pool.slots + 1 for pool in pools]
    waiting = iter(runs)
    in_flight: list[dict[ray.ObjectRef[Outcome], Run]] = [{} for _ in pools]
    while True:
        for pool, task, window, own in zip(pools, tasks, windows, in_flight, strict=True):
            for run in islice(waiting, window - len(own)):
                own[task.remote(run, shared, pool.device, train)] = run
        references = [reference for own in in_flight for reference in own]
        if not references:
            return
        for reference in ray.wait(references, num_returns=1)[0]:
            own = next(own for own in in_flight if reference in own)
            yield _outcome(reference, own.pop(reference))


def _train_one(run: Run, mnist: Mnist, device: DeviceChoice, train: Train) -> Outcome:
    """In a worker: one run on one thread. Errors are results too."""
    # Ray sets OMP_NUM_THREADS only where a worker is fresh; this holds for a re-used one as well.
    torch.set_num_threads(1)
    started_at = datetime.now(UTC)
    try:
        result = train(run, mnist, device)
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
