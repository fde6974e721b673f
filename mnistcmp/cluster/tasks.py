"""Stacks of runs as Ray tasks: each is trained by whichever worker is free."""

import traceback
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice

import ray
from ray.exceptions import RayError

from mnistcmp.cluster.launch import Worker
from mnistcmp.cluster.placement import Pool
from mnistcmp.cluster.stacks import Stack
from mnistcmp.data.mnist import Mnist
from mnistcmp.networks.custom import ANY_ERROR
from mnistcmp.provenance import environment
from mnistcmp.results.outcome import Failed, Finished, Outcome
from mnistcmp.study.study import Run
from mnistcmp.training.device import DeviceChoice
from mnistcmp.training.process import one_thread
from mnistcmp.training.process import warm_up as warm_up_training

IN_FLIGHT = 256
"""Tasks handed to Ray at a time where there is one kind of device: enough that no worker waits for
the driver and that an autoscaler sees work, and few enough for a study of a million runs."""

PATIENCE = 0.5
"""Seconds after which whoever listens is told that nothing came back."""


def warm_up(pools: Sequence[Pool]) -> None:
    """Has the workers import and compile what a run needs, while the driver does something else."""
    task = ray.remote(num_cpus=1)(warm_up_training)
    for _ in range(sum(pool.slots for pool in pools)):
        task.remote()


def fan_out(
    stacks: Iterable[Stack], mnist: Mnist, pools: Sequence[Pool], worker: Worker
) -> Iterator[list[Outcome]]:
    """Trains the stacks on the connected Ray, and yields what each gave as soon as it is there.

    Where nothing comes back for a while, an empty list is yielded. A run that raises is yielded as
    failed, and so are those whose worker died four times; the others go on. MNIST travels once per
    machine, through Ray's object store. With several pools, each takes the next stack when it has
    a place free.
    """
    shared = ray.put((mnist, worker))
    tasks = [
        ray.remote(num_cpus=1, num_gpus=int(pool.gpu), max_retries=3)(_train_stack)
        for pool in pools
    ]
    windows = [IN_FLIGHT + pool.slots if len(pools) == 1 else pool.slots + 1 for pool in pools]
    waiting: Iterator[Stack] = iter(stacks)
    in_flight: list[dict[ray.ObjectRef[list[Outcome]], Stack]] = [{} for _ in pools]
    while True:
        for pool, task, window, handed_out in zip(pools, tasks, windows, in_flight, strict=True):
            for stack in islice(waiting, window - len(handed_out)):
                handed_out[task.remote(stack, shared, pool.device)] = stack
        references = [reference for handed_out in in_flight for reference in handed_out]
        if not references:
            return
        ready, _ = ray.wait(references, num_returns=1, timeout=PATIENCE)
        if not ready:
            yield []
        for reference in ready:
            stack = next(h.pop(reference) for h in in_flight if reference in h)
            try:
                yield ray.get(reference)
            except RayError as error:
                if len(stack) == 1:
                    yield [failed(stack[0], error, str(error), host=None)]
                else:
                    # Which of them the worker died of shows when they are trained one by one.
                    waiting = chain([(run,) for run in stack], waiting)


@one_thread()
def _train_stack(stack: Stack, shared: tuple[Mnist, Worker], device: DeviceChoice) -> list[Outcome]:
    """In a worker: one stack on one thread. Errors are results too."""
    mnist, worker = shared
    started_at = datetime.now(UTC)
    try:
        results = worker.train(stack, mnist, device)
    except ANY_ERROR as error:
        if len(stack) > 1:
            # The others are not to fail with the one that does.
            return [_train_stack((run,), shared, device)[0] for run in stack]
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


def failed(run: Run, error: BaseException, trace: str, host: str | None) -> Failed:
    """A run that ends now, with an error."""
    return Failed(
        run=run,
        error=_in_one_line(error),
        traceback=trace,
        host=host,
        failed_at=datetime.now(UTC),
    )


def _in_one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
