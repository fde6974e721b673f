"""Stacks of runs as Ray tasks: each is trained by whichever worker is free."""

import gc
import io
import sys
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import ray
from ray.exceptions import RayError
from typing_extensions import override

from mnistcmp.cluster.launch import Began, Checkpoint, Trained, Worker
from mnistcmp.cluster.lost import in_words
from mnistcmp.cluster.placement import Pool
from mnistcmp.cluster.session import to_end
from mnistcmp.cluster.stacks import Stack
from mnistcmp.cluster.watched import LAST_LINES, ProcessDiedError, call_watched
from mnistcmp.data.mnist import Mnist
from mnistcmp.networks.custom import ANY_ERROR, is_custom
from mnistcmp.provenance import environment
from mnistcmp.results.outcome import Failed, Finished, Left, Outcome
from mnistcmp.results.tables import Returned, pack
from mnistcmp.study.study import Run
from mnistcmp.training.device import DeviceChoice
from mnistcmp.training.process import one_thread
from mnistcmp.training.result import TrainingResult

NETWORK_VARIABLE = "MNISTCMP_NETWORK"
"""In a worker that trains a custom network, the network's name."""

MOST_PRINTED = 20_000
"""Characters that are kept of what a run prints."""


def warm_up(networks: Iterable[str]) -> None:
    """Has a worker for each network import and compile what it needs, while the driver does more.

    Args:
        networks: Of the stacks that the workers will begin with.
    """

    def wake(compiles: bool) -> None:  # noqa: FBT001 - Ray takes it by its place
        # It is sent by value, so that nothing is imported before. What is imported stays: to look
        # for garbage there again and again takes a quarter of the time.
        gc.disable()
        try:
            from mnistcmp.training.process import warm_up  # noqa: PLC0415

            if compiles:
                warm_up()
        finally:
            gc.freeze()
            gc.enable()

    task = ray.remote(num_cpus=1)(wake)
    for network in networks:
        woken = task.options(runtime_env=_surroundings(network))
        to_end.add(woken.remote(not is_custom(network)))


def _surroundings(network: str) -> dict[str, Any]:
    """What Ray calls a runtime environment; a worker gets tasks of one of them only.

    A custom network's module may change what others import, so its workers are its own.
    """
    return {"env_vars": {NETWORK_VARIABLE: network}} if is_custom(network) else {}


def start_task(
    stack: Stack,
    shared: Any,  # noqa: ANN401 - as the two below, a reference of Ray's
    pool: Pool,
    checkpoint: bytes | None,
    *,
    watched: bool,
    cpus: int,
    labels: Mapping[str, str],
) -> Any:  # noqa: ANN401
    """Hands a stack to Ray; what it tells comes by the reference that is returned.

    Args:
        stack: The runs.
        shared: A reference of `Shared`.
        pool: Where to train.
        checkpoint: What to go on from.
        watched: Whether it is trained in a process of its own, whose end is explained.
        cpus: Of a node, that it takes.
        labels: That the node has to have.
    """
    options: dict[str, Any] = {
        "num_cpus": cpus,
        "num_gpus": int(pool.gpu),
        # Ray counts what a generator gave before: tried again, it would have to give as much again.
        "num_returns": "streaming",
        "max_retries": 0,
        "runtime_env": _surroundings(stack[0].architecture),
    }
    if labels:
        options["label_selector"] = dict(labels)
    task = _remote(_train_watched if watched else _train_stack, gpu=pool.gpu)
    return task.options(**options).remote(stack, shared, pool.device, checkpoint)


@cache
def _remote(function: Callable[..., Any], *, gpu: bool) -> Any:  # noqa: ANN401
    """A function as Ray takes it; one for all networks, since Ray keeps tasks of one in order.

    A process that had a GPU ends with its task, since it would keep the GPU's memory.
    """
    return ray.remote(max_calls=1)(function) if gpu else ray.remote(function)


def failed_for_good(stack: Stack, error: RayError) -> Failed:
    """A run whose last chance is gone: with what went wrong, without Ray's account of where."""
    cause = getattr(error, "cause", None)
    known = cause if isinstance(cause, Exception) else error
    if (said := in_words(error)) is not None:
        known = MemoryError(said)
    return failed(stack[0], known, str(known), host=None)


Shared = tuple[str, Mnist, Worker]
"""What all of a launch's tasks read: the study's name, the digits, and what to do with a stack."""


def _train_watched(
    stack: Stack, shared: Shared, device: DeviceChoice, checkpoint: bytes | None
) -> Iterator[Began | Returned]:
    yield _began(device)
    try:
        yield call_watched(_train_alone, stack, shared, device, checkpoint)
    except ProcessDiedError as error:
        yield pack(shared[0], [failed(stack[0], error, str(error), environment().host)])


def _train_alone(
    stack: Stack, shared: Shared, device: DeviceChoice, checkpoint: bytes | None
) -> Returned:
    """What a stack gives at last, without what it tells before."""
    *_, returned = _train_stack(stack, shared, device, checkpoint)
    assert isinstance(returned, Returned)  # noqa: S101 - for mypy
    return returned


def _train_stack(
    stack: Stack, shared: Shared, device: DeviceChoice, checkpoint: bytes | None
) -> Iterator[Began | Trained | Checkpoint | Returned]:
    """In a worker: one stack on one thread."""
    yield _began(device)
    study, mnist, worker = shared
    worker = replace(worker, checkpoint=checkpoint)
    with one_thread():
        outcomes = yield from _outcomes(stack, mnist, worker, device)
        yield pack(study, outcomes)


def _began(device: DeviceChoice) -> Began:
    return Began(host=environment().host, device=device)


def _outcomes(
    stack: Stack, mnist: Mnist, worker: Worker, device: DeviceChoice
) -> Generator[Trained | Checkpoint, None, list[Outcome]]:
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
    runs: Iterable[Run], results: Iterable[TrainingResult | float], started_at: datetime
) -> list[Outcome]:
    """Runs that end now, each with its result, or are left with their score."""
    return [
        Left(run=run, score=result)
        if isinstance(result, float)
        else Finished(
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
