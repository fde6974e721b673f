"""Stacks of runs as Ray tasks: each is trained by whichever worker is free."""

import io
import sys
import traceback
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import chain, islice
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from typing_extensions import override

from mnistcmp.cluster.launch import Trained, Worker
from mnistcmp.cluster.placement import Pool
from mnistcmp.cluster.session import end_tasks, to_end
from mnistcmp.cluster.stacks import Stack
from mnistcmp.cluster.watched import LAST_LINES, ProcessDiedError, call_watched
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

MOST_PRINTED = 20_000
"""Characters that are kept of what a run prints."""

PATIENCE = 0.5
"""Seconds after which whoever listens is told that nothing came back."""


@dataclass(frozen=True, slots=True)
class Again:
    """A stack's worker was lost."""

    stacks: tuple[Stack, ...]
    """As which its runs are trained from now on; none where it had its last chance."""

    def __bool__(self) -> bool:
        return bool(self.stacks)


def warm_up(workers: int) -> None:
    """Has workers import and compile what a run needs, while the driver does something else."""
    task = ray.remote(num_cpus=1)(warm_up_training)
    to_end.update(task.remote() for _ in range(workers))


def fan_out(
    study: str, stacks: Iterable[Stack], mnist: Mnist, pools: Sequence[Pool], worker: Worker
) -> Generator[tuple[Stack, Trained | Returned | Again] | None, None, None]:
    """Trains stacks on the connected Ray, and yields what each tells, and at last what it gave.

    Where nothing comes for a while, None is yielded. A run that raises is given back as failed; the
    others go on. A stack whose worker is lost is trained once more; lost twice, its runs are
    trained one by one and watched, so that only the one to blame fails, and says how its process
    died. MNIST travels once per machine, through Ray's object store. With several pools, each takes
    the next stack when it has a place free.
    """
    shared = ray.put((study, mnist, worker))
    windows = [IN_FLIGHT + pool.slots if len(pools) == 1 else pool.slots + 1 for pool in pools]
    task_of = cache(_task)
    waiting: Iterator[Stack] = iter(stacks)
    lost = _Lost()
    in_flight: list[dict[ray.ObjectRefGenerator, Stack]] = [{} for _ in pools]
    try:
        while True:
            for pool, window, handed_out in zip(pools, windows, in_flight, strict=True):
                for stack in islice(waiting, window - len(handed_out)):
                    task = task_of(pool, stack[0].architecture, watched=stack in lost.watched)
                    handed_out[task.remote(stack, shared, pool.device)] = stack
            tasks = [task for handed_out in in_flight for task in handed_out]
            if not tasks:
                return
            # In Ray's stubs, what is waited for is an ObjectRef.
            ready: list[Any] = ray.wait(tasks, num_returns=1, timeout=PATIENCE)[0]
            if not ready:
                yield None
            for task in ready:
                place = next(handed_out for handed_out in in_flight if task in handed_out)
                stack = place[task]
                try:
                    told = ray.get(next(task))
                except RayError as error:
                    again = lost.again(stack, error)
                    waiting = chain(again.stacks, waiting)
                    told = again or pack(study, [_failed_for_good(stack, error)])
                    del place[task]
                else:
                    if isinstance(told, Returned):
                        del place[task]
                yield stack, told
    finally:
        end_tasks([task for handed_out in in_flight for task in handed_out])


def _task(pool: Pool, network: str, *, watched: bool) -> Any:  # noqa: ANN401 - Ray's type names all
    """What trains a stack of a network in a pool, as Ray takes it.

    A custom network's module may change what others import: its workers are its own, since Ray
    gives a worker to tasks of one environment only.
    """
    own = {"env_vars": {NETWORK_VARIABLE: network}} if is_custom(network) else {}
    function = _train_watched if watched else _train_stack
    # Ray counts what a generator gave before: tried again, it would have to give as much again.
    options: dict[str, Any] = {"num_returns": "streaming", "max_retries": 0, "runtime_env": own}
    return ray.remote(num_cpus=1, num_gpus=int(pool.gpu), **options)(function)


class _Lost:
    """What becomes of stacks whose worker was lost, or that Ray could not hand out."""

    def __init__(self) -> None:
        self._once: set[Stack] = set()
        self.watched: set[Stack] = set()
        """Single runs, of which one is to blame."""

    def again(self, stack: Stack, error: RayError) -> Again:
        """What is to be trained again."""
        if stack in self.watched:
            return Again(())
        if stack in self._once or isinstance(error, RayTaskError):
            singly: tuple[Stack, ...] = tuple((run,) for run in stack)
            self.watched.update(singly)
            return Again(singly)
        self._once.add(stack)
        return Again((stack,))


def _failed_for_good(stack: Stack, error: RayError) -> Failed:
    """With what went wrong, without Ray's account of where."""
    cause = getattr(error, "cause", None)
    known = cause if isinstance(cause, Exception) else error
    return failed(stack[0], known, str(known), host=None)


Shared = tuple[str, Mnist, Worker]
"""What all of a launch's tasks read: the study's name, the digits, and what to do with a stack."""


def _train_watched(stack: Stack, shared: Shared, device: DeviceChoice) -> Iterator[Returned]:
    try:
        yield call_watched(_train_alone, stack, shared, device)
    except ProcessDiedError as error:
        yield pack(shared[0], [failed(stack[0], error, str(error), environment().host)])


def _train_alone(stack: Stack, shared: Shared, device: DeviceChoice) -> Returned:
    """What a stack gives at last, without what it tells before."""
    *_, returned = _train_stack(stack, shared, device)
    assert isinstance(returned, Returned)  # noqa: S101 - for mypy
    return returned


def _train_stack(
    stack: Stack, shared: Shared, device: DeviceChoice
) -> Iterator[Trained | Returned]:
    """In a worker: one stack on one thread."""
    study, mnist, worker = shared
    with one_thread():
        outcomes = yield from _outcomes(stack, mnist, worker, device)
        yield pack(study, outcomes)


def _outcomes(
    stack: Stack, mnist: Mnist, worker: Worker, device: DeviceChoice
) -> Generator[Trained, None, list[Outcome]]:
    """What became of a stack's runs. Errors are results too."""
    started_at, printed = datetime.now(UTC), _Printed()
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            results = yield from worker.train(stack, mnist, device)
    except ANY_ERROR as error:
        if len(stack) == 1:
            trace = traceback.format_exc() + printed.in_words()
            return [failed(stack[0], error, trace, environment().host)]
    else:
        return finished(stack, results, started_at)
    # The others are not to fail with the one that does. What they tell is not of all the stack.
    outcomes: list[Outcome] = []
    for run in stack:
        outcomes += _result(_outcomes((run,), mnist, worker, device))
    return outcomes


def _result(telling: Generator[object, None, list[Outcome]]) -> list[Outcome]:
    """What a generator returns, whatever it tells before."""
    while True:
        try:
            next(telling)
        except StopIteration as end:
            return list(end.value)


class _Printed(io.StringIO):
    """What a run prints: it goes on to the worker's log, and the end of it is kept for an error."""

    @override
    def write(self, text: str) -> int:
        if sys.__stdout__ is not None:
            sys.__stdout__.write(text)
        if self.tell() > MOST_PRINTED:
            kept = self.getvalue()[-MOST_PRINTED // 2 :]
            self.seek(0)
            self.truncate()
            super().write(kept)
        return super().write(text)

    def in_words(self) -> str:
        """The last lines, under a heading; nothing where nothing was printed."""
        lines = self.getvalue().splitlines()[-LAST_LINES:]
        return "\n".join(["\nThe last lines that it printed:", *lines]) if lines else ""


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
