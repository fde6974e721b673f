"""The workers of a launch: what they train is stored as it comes back, and counted."""

import math
import time
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from mnistcmp.cluster.events import Event, Progress, Started
from mnistcmp.cluster.fan_out import Replanned, Told, fan_out
from mnistcmp.cluster.launch import Began, Checkpoint, Trained, Worker
from mnistcmp.cluster.metrics import Metrics
from mnistcmp.cluster.placement import Pool, choose_pools
from mnistcmp.cluster.session import Resources, nodes_now
from mnistcmp.cluster.stacks import plan_stacks
from mnistcmp.cluster.tally import Tally
from mnistcmp.data.mnist import Mnist
from mnistcmp.errors import UserError
from mnistcmp.results.checkpoints import Checkpoints
from mnistcmp.results.location import StoreAwayError
from mnistcmp.results.outcome import Left
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import Returned
from mnistcmp.study.study import Run
from mnistcmp.training.device import DeviceChoice

SECONDS_A_WORKER = 0.01
"""Between two accounts of one worker, for each that there is: one takes the driver 1.2 ms."""
CHECKPOINT_SECONDS = 30.0
"""Between two checkpoints of one worker, at least."""
STORE_SECONDS = 600.0
"""How long results wait for a place to store them that is away."""
LONGEST_WAIT = 30.0
"""Between two tries; the first wait is of a second at most."""
SECONDS_A_CHECKPOINT = 2.0
"""The same for each worker that there is: one may take the driver 0.1 s."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Crew:
    """The connected Ray's workers, and what they are to do."""

    resources: Resources
    device: DeviceChoice
    pools: tuple[Pool, ...]
    """That there were at first."""
    mnist: Mnist
    worker: Worker
    deadline: float = math.inf
    """When, by the monotonic clock, nothing more begins."""

    @property
    def size(self) -> int:
        """Places for stacks."""
        return sum(pool.slots for pool in self.pools)

    @property
    def is_over(self) -> bool:
        """Whether nothing more begins."""
        return time.monotonic() >= self.deadline

    def started(self, store: ResultsStore, *, total: int, kept: int) -> Started:
        """What is told before it begins with so many runs, beside those that are there already."""
        nodes = self.resources.nodes
        return Started(
            place=self.resources.place,
            cpus=sum(node.cpus for node in nodes),
            gpus=sum(node.gpus for node in nodes),
            output=str(store.location),
            total=total,
            kept=kept,
        )

    def pools_now(self) -> tuple[Pool, ...]:
        """Those that there are now; none where every node is gone, since one may come."""
        with suppress(UserError):
            return choose_pools(self.device, nodes_now(), place=self.resources.place)
        return ()

    def train(
        self,
        study: str,
        runs: Sequence[Run],
        store: ResultsStore,
        *,
        max_failures: int | None = None,
    ) -> Generator[Event, None, Tally]:
        """Trains runs of a study, and tells `Progress` now and then and at the end."""
        checkpoints = Checkpoints(store.location)
        begun = checkpoints.find(runs)
        others = set(runs).difference(*begun)
        stacks = [*begun, *plan_stacks([run for run in runs if run in others], self.pools)]
        until = self.worker.until
        tally = Tally(
            stacks,
            workers=self.size,
            combined=store.combined(),
            until=until,
            note=Metrics(study).note,
        )
        yield tally.progress()
        tasks = fan_out(
            study,
            stacks,
            self.mnist,
            self._paced(),
            pools=self.pools_now,
            checkpoints=checkpoints,
            deadline=self.deadline,
        )
        try:
            with closing(tasks):
                for told in tasks:
                    yield from _taken(told, tally, store, checkpoints)
                    if len(tally.failed) >= (max_failures or math.inf):
                        break
                    if tally.due():
                        yield tally.progress()
            if tally.left:
                yield tally.progress()
            elif until is None:
                checkpoints.clear()
        except KeyboardInterrupt:
            # Whoever is told that the launch was interrupted wants to know what is kept.
            yield tally.progress()
            raise
        return tally

    def _paced(self) -> Worker:
        """A worker that, beside so many others, tells as often as the driver can listen."""
        return replace(
            self.worker,
            seconds_between=max(1.0, self.size * SECONDS_A_WORKER),
            seconds_between_checkpoints=max(CHECKPOINT_SECONDS, self.size * SECONDS_A_CHECKPOINT),
        )


def _stored(
    returned: Returned, store: ResultsStore, tally: Tally
) -> Generator[Progress, None, None]:
    """Stores what a task gave back, and waits with it for a place that is away for a while."""
    retrying = Retrying(
        retry=retry_if_exception_type(StoreAwayError),
        wait=wait_random_exponential(max=LONGEST_WAIT),
        stop=stop_after_delay(STORE_SECONDS),
        reraise=True,
    )
    for attempt in retrying:
        with attempt:
            store.write(returned)
        outcome = attempt.retry_state.outcome
        if outcome is not None and outcome.failed:
            yield replace(tally.progress(), waiting=str(outcome.exception()))


def _taken(
    told: Told, tally: Tally, store: ResultsStore, checkpoints: Checkpoints
) -> Generator[Progress, None, None]:
    """Counts and keeps what a task told."""
    match told:
        case stack, Began():
            tally.note_beginning(stack)
        case stack, Trained() as trained:
            tally.note_epoch(stack, trained)
        case stack, Checkpoint(content=content):
            checkpoints.write(stack, content)
        case Replanned() as plan:
            tally.note_plan(plan.before, plan.now, workers=plan.workers, why=plan.why)
        case stack, Returned() as returned:
            yield from _stored(returned, store, tally)
            if not any(isinstance(outcome, Left) for outcome in returned.outcomes):
                checkpoints.delete(stack)
            tally.note(stack, returned.outcomes)
