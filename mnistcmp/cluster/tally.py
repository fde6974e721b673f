"""Counts a launch's runs as they end, and says how far it is."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mnistcmp.cluster.events import ConditionProgress, Ended, Progress
from mnistcmp.cluster.stacks import Stack
from mnistcmp.results.outcome import Failed, Outcome
from mnistcmp.study.combine import Combined

SECONDS_BETWEEN = 0.5
"""Of two accounts of progress: nobody reads faster, and a log stays small."""


@dataclass(kw_only=True, slots=True)
class _Condition:
    """A condition's count (Welford's running mean and sum of squares)."""

    total: int
    tested: int = 0
    diverged: int = 0
    failed: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def note(self, accuracy: float) -> None:
        self.tested += 1
        before, self.mean = self.mean, self.mean + (accuracy - self.mean) / self.tested
        self.squares += (accuracy - before) * (accuracy - self.mean)

    def now(self, name: str) -> ConditionProgress:
        deviation = (self.squares / (self.tested - 1)) ** 0.5 if self.tested > 1 else None
        return ConditionProgress(
            condition=name,
            total=self.total,
            finished=self.tested + self.diverged,
            diverged=self.diverged,
            failed=self.failed,
            mean=self.mean if self.tested else None,
            deviation=deviation,
        )


class Tally:
    """The count of a launch, from when it is made: runs are handed out then."""

    def __init__(self, stacks: Sequence[Stack], *, workers: int, combined: Combined) -> None:
        self.failed: list[Ended] = []
        self._combined, self._workers = combined, workers
        self._slots = sum(len(stack) for stack in stacks[:workers])
        totals = Counter[str]()
        for stack in stacks:
            totals[combined.condition_of(stack[0]).name] += len(stack)
        self._conditions = {
            condition.name: _Condition(total=totals[condition.name])
            for condition in combined.conditions
            if totals[condition.name]
        }
        self._total = totals.total()
        self._finished = 0
        self._best: Ended | None = None
        self._latest: Ended | None = None
        self._started = time.monotonic()
        self._told = (-1, 0.0)

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """Counts what became of the runs of one stack, at least one, which are of one condition."""
        name = self._combined.condition_of(outcomes[0].run).name
        count = self._conditions[name]
        for outcome in outcomes:
            seed = outcome.run.seed
            if isinstance(outcome, Failed):
                count.failed += 1
                self._latest = Ended(condition=name, seed=seed, error=outcome.error)
                self.failed.append(self._latest)
                continue
            self._finished += 1
            diverged = outcome.result.diverged_epoch
            if diverged is not None:
                count.diverged += 1
                self._latest = Ended(condition=name, seed=seed, diverged_epoch=diverged)
                continue
            accuracy = outcome.result.test.accuracy
            count.note(accuracy)
            self._latest = Ended(condition=name, seed=seed, accuracy=accuracy)
            if self._best is None or accuracy > (self._best.accuracy or 0):
                self._best = self._latest

    def due(self) -> bool:
        """Whether there is something to tell that was not told yet, and it is time to."""
        done, (told, at) = self._finished + len(self.failed), self._told
        return done > told and (done == self._total or time.monotonic() - at >= SECONDS_BETWEEN)

    def progress(self) -> Progress:
        """How far the launch is now."""
        now = time.monotonic()
        self._told = (self._finished + len(self.failed), now)
        return Progress(
            total=self._total,
            workers=self._workers,
            slots=self._slots,
            conditions=tuple(count.now(name) for name, count in self._conditions.items()),
            finished=self._finished,
            diverged=sum(count.diverged for count in self._conditions.values()),
            failed=len(self.failed),
            elapsed=now - self._started,
            best=self._best,
            latest=self._latest,
        )
