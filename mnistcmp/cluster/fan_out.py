"""Hands stacks of runs out to the workers there are, and tells what comes back."""

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import ray
from ray.exceptions import RayError

from mnistcmp.cluster.launch import Began, Checkpoint, Trained, Worker
from mnistcmp.cluster.lost import Lost, SilentError, why
from mnistcmp.cluster.placement import Pool
from mnistcmp.cluster.session import end_tasks, labels_to_ask_for
from mnistcmp.cluster.stacks import Stack, plan_stacks
from mnistcmp.cluster.tasks import failed_for_good, start_task
from mnistcmp.cluster.watchdog import GRACE, limit
from mnistcmp.data.mnist import Mnist
from mnistcmp.results.checkpoints import Checkpoints
from mnistcmp.results.tables import Returned, pack

PATIENCE = 0.5
"""Seconds after which whoever listens is told that nothing came back."""
LOOK_SECONDS = 5.0
"""Between two looks at the nodes there are."""
MARGIN = 60.0
"""Seconds beyond those in which a worker ends a run that hangs: then it is given up."""


@dataclass(frozen=True, slots=True)
class Replanned:
    """Runs are to be trained in other stacks than was said: a worker was lost, or nodes came."""

    before: tuple[Stack, ...]
    now: tuple[Stack, ...]
    workers: int
    """That there are now."""
    why: str | None
    """A worker was lost: how. None where nodes came or went."""


Told = tuple[Stack, Began | Trained | Checkpoint | Returned] | Replanned | None


@dataclass(slots=True)
class _Task:
    """A stack that was handed to Ray."""

    stack: Stack
    pool: Pool
    is_watched: bool
    heard_at: float = field(default_factory=time.monotonic)
    began: bool = False
    longest: float = 0.0
    """Seconds between two accounts of it."""

    def note(self, told: object) -> None:
        now = time.monotonic()
        if self.began and isinstance(told, Trained):
            self.longest = max(self.longest, now - self.heard_at)
        self.heard_at, self.began = now, True

    def is_silent(self, run_timeout: float | None) -> bool:
        """Whether its worker, were it there, would have told something or ended the run.

        One that waits for its turn tells nothing, nor does one in a process of its own.
        """
        if not self.began or self.is_watched:
            return False
        most = limit(run_timeout and run_timeout * len(self.stack), self.longest)
        return time.monotonic() - self.heard_at > most + GRACE + MARGIN


def fan_out(
    study: str,
    stacks: Iterable[Stack],
    mnist: Mnist,
    worker: Worker,
    *,
    pools: Callable[[], Sequence[Pool]],
    checkpoints: Checkpoints | None = None,
    deadline: float = math.inf,
) -> Generator[Told, None, None]:
    """Trains stacks on the connected Ray, and yields what each tells, and at last what it gave.

    Where nothing comes for a while, None is yielded. A run that raises is given back as failed; the
    others go on. What becomes of a stack whose worker is lost, `Lost` says; it goes on from its
    checkpoint, if there is one. MNIST travels once per machine, through Ray's object store.

    Args:
        study: The study's name.
        stacks: What is to be trained, in that order; cut anew where nodes come or go.
        mnist: The digits.
        worker: What a worker does with a stack.
        pools: Looks which places there are now. Each takes the next stack when it has one free.
        checkpoints: What stacks go on from.
        deadline: When, by the monotonic clock, nothing more begins; what is in training ends.
    """
    work = _FanOut(ray.put((study, mnist, worker)), stacks, pools, checkpoints, deadline)
    try:
        while work.tasks or work.waiting or work.retries:
            if replanned := work.look():
                yield replanned
            work.hand_out()
            if not (ready := work.ready()):
                yield None
            for reference in ready:
                task = work.tasks[reference]
                try:
                    told = ray.get(next(reference))
                except RayError as error:
                    yield from work.lose(study, reference, error)
                else:
                    task.note(told)
                    if isinstance(told, Returned):
                        del work.tasks[reference]
                    yield task.stack, told
            for reference, task in [*work.tasks.items()]:
                if task.is_silent(worker.run_timeout):
                    end_tasks([reference])
                    silence = f"nothing came for {time.monotonic() - task.heard_at:.0f} s"
                    yield from work.lose(study, reference, SilentError(silence))
    finally:
        end_tasks([*work.tasks])


class _FanOut:
    """What is handed out, and what waits."""

    def __init__(
        self,
        shared: Any,  # noqa: ANN401 - a reference of Ray's
        stacks: Iterable[Stack],
        pools: Callable[[], Sequence[Pool]],
        checkpoints: Checkpoints | None,
        deadline: float,
    ) -> None:
        self._shared, self._look, self._checkpoints = shared, pools, checkpoints
        self._deadline, self._labels = deadline, labels_to_ask_for()
        self._pools, self._looked_at = tuple(pools()), time.monotonic()
        self.waiting = deque(stacks)
        self.retries: list[tuple[float, Stack]] = []
        """Stacks that are to be trained again, and when."""
        self.tasks: dict[Any, _Task] = {}
        """By Ray's reference of what each tells."""
        self._lost = Lost()

    @property
    def _slots(self) -> int:
        return sum(pool.slots for pool in self._pools)

    def look(self) -> Replanned | None:
        """Looks for nodes that came or went; what waits is cut anew for those there are."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return None
        self._looked_at, before = now, self._slots
        self._pools = tuple(self._look()) or self._pools
        if self._slots == before:
            return None
        self.waiting.extendleft(self._taken_back())
        cut = tuple(stack for stack in self.waiting if not self._has_reason(stack))
        kept = [stack for stack in self.waiting if self._has_reason(stack)]
        planned = plan_stacks(chain(*cut), self._pools) if cut else []
        self.waiting = deque([*kept, *planned])
        return Replanned(cut, tuple(planned), workers=self._slots, why=None)

    def _taken_back(self) -> list[Stack]:
        """Stacks that were handed out and have not begun, in the order in which they were."""
        queued = [reference for reference, task in self.tasks.items() if not task.began]
        stacks = [self.tasks.pop(reference).stack for reference in queued]
        end_tasks(queued)
        return stacks

    def _has_reason(self, stack: Stack) -> bool:
        """Whether a stack is as it is because of how it went before."""
        went_wrong = stack in self._lost.watched or stack in self._lost.alone
        return went_wrong or (self._checkpoints is not None and stack in self._checkpoints)

    def hand_out(self) -> None:
        """Gives each pool as much as keeps it busy: one that waits is there when a place is free.

        Not much more, since what waits here can be cut anew; but so much that an autoscaler sees
        work.
        """
        now = time.monotonic()
        if now >= self._deadline:
            self._taken_back()
            self.waiting.clear()
            self.retries.clear()
        for due, stack in [*self.retries]:
            if due <= now:
                self.retries.remove((due, stack))
                self.waiting.appendleft(stack)
        for pool in self._pools:
            free = pool.slots + max(2, pool.slots // 2) if len(self._pools) == 1 else pool.slots + 1
            free -= sum(task.pool.gpu == pool.gpu for task in self.tasks.values())
            while free > 0 and self.waiting:
                stack = self.waiting.popleft()
                watched, alone = stack in self._lost.watched, stack in self._lost.alone
                reference = start_task(
                    stack,
                    self._shared,
                    pool,
                    None if self._checkpoints is None else self._checkpoints.read(stack),
                    watched=watched,
                    cpus=pool.node_cpus if alone else 1,
                    labels=self._labels,
                )
                self.tasks[reference] = _Task(stack, pool, watched)
                free -= 1

    def ready(self) -> list[Any]:
        """References of what has told something, after some patience."""
        if not self.tasks:
            time.sleep(PATIENCE)
            return []
        return ray.wait([*self.tasks], num_returns=1, timeout=PATIENCE)[0]

    def lose(self, study: str, reference: Any, error: RayError) -> Generator[Told, None, None]:  # noqa: ANN401
        """What becomes of a stack whose worker was lost."""
        stack = self.tasks.pop(reference).stack
        wait, parts = self._lost.again(stack, error)
        if parts:
            self.retries += [(time.monotonic() + wait, part) for part in parts]
            yield Replanned((stack,), parts, workers=self._slots, why=why(error))
        else:
            yield stack, pack(study, [failed_for_good(stack, error)])
