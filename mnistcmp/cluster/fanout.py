"""Stacks of runs as Ray tasks: each is trained by whichever worker is free."""

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice

import ray
from ray.exceptions import RayError

from mnistcmp.cluster.placement import Pool
from mnistcmp.cluster.stacks import Stack
from mnistcmp.data.mnist import Mnist
from mnistcmp.provenance import environment
from mnistcmp.results.outcome import Failed, Finished, Outcome
from mnistcmp.study.study import Run
from mnistcmp.training.device import DeviceChoice, resolve_device
from mnistcmp.training.result import TrainingResult
from mnistcmp.training.threads import one_thread
from mnistcmp.training.train import train
from mnistcmp.training.warm import warm_up as warm_up_training

Train = Callable[[Stack, Mnist, DeviceChoice], list[TrainingResult]]

IN_FLIGHT = 256
"""Tasks handed to Ray at a time where there is one kind of device: enough that no worker waits for
the driver and that an autoscaler sees work, and few enough for a study of a million runs."""


def train_on(stack: Stack, mnist: Mnist, device: DeviceChoice) -> list[TrainingResult]:
    """`train`, on a kind of device of this machine."""
    return train(stack, mnist, resolve_device(device))


def train_keeping_weights(stack: Stack, mnist: Mnist, device: DeviceChoice) -> list[TrainingResult]:
    """The same, the best epochs' weights in the results."""
    return train(stack, mnist, resolve_device(device), keep_weights=True)


def warm_up(pools: Sequence[Pool]) -> None:
    """Has the workers import and compile what a run needs, while the driver does something else."""
    task = ray.remote(num_cpus=1)(_warm_up)
    for _ in range(sum(pool.slots for pool in pools)):
        task.remote()


@one_thread()
def _warm_up() -> None:
    warm_up_training()


def fan_out(
    stacks: Iterable[Stack], mnist: Mnist, pools: Sequence[Pool], *, train: Train = train_on
) -> Iterator[Outcome]:
    """Trains the stacks on the connected Ray, and yields each outcome as soon as it is there.

    A run that raises is yielded as failed, and so are those whose worker died four times; the
    others go on. MNIST travels once per machine, through Ray's object store. With several pools,
    each takes the next stack when it has a place free.
    """
    shared = ray.put(mnist)
    tasks = [
        ray.remote(num_cpus=1, num_gpus=int(pool.gpu), max_retries=3)(_train_stack)
        for pool in pools
    ]
    windows = [IN_FLIGHT + pool.slots if len(pools) == 1 else pool.slots + 1 for pool in pools]
    waiting: Iterator[Stack] = iter(stacks)
    in_flight: list[dict[ray.ObjectRef[list[Outcome]], Stack]] = [{} for _ in pools]
    while True:
        for pool, task, window, own in zip(pools, tasks, windows, in_flight, strict=True):
            for stack in islice(waiting, window - len(own)):
                own[task.remote(stack, shared, pool.device, train)] = stack
        references = [reference for own in in_flight for reference in own]
        if not references:
            return
        for reference in ray.wait(references, num_returns=1)[0]:
            own = next(own for own in in_flight if reference in own)
            stack = own.pop(reference)
            try:
                yield from ray.get(reference)
            except RayError as error:
                if len(stack) == 1:
                    yield failed(stack[0], error, str(error), host=None)
                else:
                    # Which of them the worker died of shows when they are trained one by one.
                    waiting = chain([(run,) for run in stack], waiting)


@one_thread()
def _train_stack(stack: Stack, mnist: Mnist, device: DeviceChoice, train: Train) -> list[Outcome]:
    """In a worker: one stack on one thread. Errors are results too."""
    started_at = datetime.now(UTC)
    try:
        results = train(stack, mnist, device)
    except Exception as error:  # noqa: BLE001 - whatever a network raises is its run's failure
        if len(stack) > 1:
            # The others are not to fail with the one that does.
            return [_train_stack((run,), mnist, device, train)[0] for run in stack]
        return [failed(stack[0], error, traceback.format_exc(), environment().host)]
    return [
        Finished(
            run=run,
            result=result,
            environment=environment(),
            started_at=started_at,
            finished_at=datetime.now(UTC),
        )
        for run, result in zip(stack, results, strict=True)
    ]


def failed(run: Run, error: Exception, trace: str, host: str | None) -> Failed:
    """A run that ends now, with an error."""
    return Failed(
        run=run,
        error=_in_one_line(error),
        traceback=trace,
        host=host,
        failed_at=datetime.now(UTC),
    )


def _in_one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
