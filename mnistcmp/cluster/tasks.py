"""Stacks of runs as Ray tasks: each is trained by whichever worker is free."""

import traceback
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import chain, islice
from typing import Any

import ray
from ray.exceptions import RayError

from mnistcmp.cluster.launch import Worker
from mnistcmp.cluster.placement import Pool
from mnistcmp.cluster.session import end_tasks, to_end
from mnistcmp.cluster.stacks import Stack
from mnistcmp.cluster.watched import ProcessDiedError, call_watched
from mnistcmp.data.mnist import Mnist
from mnistcmp.networks.custom import ANY_ERROR, is_custom
from mnistcmp.provenance import environment
from mnistcmp.results.outcome import Failed, Finished, Outcome
from mnistcmp.results.tables import Returned, pack
from mnistcmp.study.study import Run
from mnistcmp.training.device import DeviceChoice
from mnistcmp.training.process import one_thread
from mnistcmp.training.process import warm_up as warm_up_training
from mnistcmp.training.result import TrainingResult

IN_FLIGHT = 256
"""Tasks handed to Ray at a time where there is one kind of device: enough that no worker waits for
the driver and that an autoscaler sees work, and few enough for a study of a million runs."""

NETWORK_VARIABLE = "MNISTCMP_NETWORK"
"""In a worker that trains a custom network, the network's name."""

PATIENCE = 0.5
"""Seconds after which whoever listens is told that nothing came back."""


def warm_up(workers: int) -> None:
    """Has workers import and compile what a run needs, while the driver does something else."""
    task = ray.remote(num_cpus=1)(warm_up_training)
    to_end.update(task.remote() for _ in range(workers))


def fan_out(
    study: str, stacks: Iterable[Stack], mnist: Mnist, pools: Sequence[Pool], worker: Worker
) -> Generator[Returned | None, None, None]:
    """Trains stacks on the connected Ray, and yields what each gave as soon as it is there.

    Where nothing comes back for a while, None is yielded. A run that raises is yielded as
    failed; the others go on. Runs whose worker is lost twice are trained one by one and watched, so
    that only the one to blame fails, and says how its process died. MNIST travels once per machine,
    through Ray's object store. With several pools, each takes the next stack when it has a place
    free.
    """
    shared = ray.put((study, mnist, worker))
    windows = [IN_FLIGHT + pool.slots if len(pools) == 1 else pool.slots + 1 for pool in pools]
    task_of = cache(_task)
    waiting: Iterator[Stack] = iter(stacks)
    watched: set[Stack] = set()
    in_flight: list[dict[ray.ObjectRef[Returned], Stack]] = [{} for _ in pools]
    try:
        while True:
            for pool, window, handed_out in zip(pools, windows, in_flight, strict=True):
                for stack in islice(waiting, window - len(handed_out)):
                    task = task_of(
                        pool, stack[0].architecture, watched=len(stack) == 1 and stack in watched
                    )
                    handed_out[task.remote(stack, shared, pool.device)] = stack
            references = [reference for handed_out in in_flight for reference in handed_out]
            if not references:
                return
            ready, _ = ray.wait(references, num_returns=1, timeout=PATIENCE)
            if not ready:
                yield None
            for reference in ready:
                stack = next(h.pop(reference) for h in in_flight if reference in h)
                try:
                    yield ray.get(reference)
                except RayError as error:
                    if stack in watched:
                        cause = _cause(error)
                        yield pack(study, [failed(stack[0], cause, str(cause), host=None)])
                    else:
                        singly = [(run,) for run in stack]
                        watched.update(singly)
                        waiting = chain(singly, waiting)
    finally:
        end_tasks([reference for handed_out in in_flight for reference in handed_out])


def _task(pool: Pool, network: str, *, watched: bool) -> Any:  # noqa: ANN401 - Ray's type names all
    """What trains a stack of a network in a pool, as Ray takes it.

    A custom network's module may change what others import: its workers are its own, since Ray
    gives a worker to tasks of one environment only.
    """
    own = {"env_vars": {NETWORK_VARIABLE: network}} if is_custom(network) else {}
    options: dict[str, Any] = {"num_cpus": 1, "num_gpus": int(pool.gpu), "max_retries": 1}
    return ray.remote(**options, runtime_env=own)(_train_watched if watched else _train_stack)


def _cause(error: RayError) -> Exception:
    """What went wrong, without Ray's account of where."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, Exception) else error


Shared = tuple[str, Mnist, Worker]
"""What all of a launch's tasks read: the study's name, the digits, and what to do with a stack."""


def _train_watched(stack: Stack, shared: Shared, device: DeviceChoice) -> Returned:
    try:
        return call_watched(_train_stack, stack, shared, device)
    except ProcessDiedError as error:
        return pack(shared[0], [failed(stack[0], error, str(error), environment().host)])


@one_thread()
def _train_stack(stack: Stack, shared: Shared, device: DeviceChoice) -> Returned:
    """In a worker: one stack on one thread."""
    study, mnist, worker = shared
    return pack(study, _outcomes(stack, mnist, worker, device))


def _outcomes(stack: Stack, mnist: Mnist, worker: Worker, device: DeviceChoice) -> list[Outcome]:
    """What became of a stack's runs. Errors are results too."""
    started_at = datetime.now(UTC)
    try:
        results = worker.train(stack, mnist, device)
    except ANY_ERROR as error:
        if len(stack) > 1:
            # The others are not to fail with the one that does.
            return [_outcomes((run,), mnist, worker, device)[0] for run in stack]
        return [failed(stack[0], error, traceback.format_exc(), environment().host)]
    return finished(stack, results, started_at)


def finished(
    runs: Iterable[Run], results: Iterable[TrainingResult], started_at: datetime
) -> list[Outcome]:
    """Runs that end now, each with its result."""
    return [
        Finished(
            run=run,
            result=result,
            environment=environment(),
            started_at=started_at,
            finished_at=datetime.now(UTC),
        )
        for run, result in zip(runs, results, strict=True)
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
