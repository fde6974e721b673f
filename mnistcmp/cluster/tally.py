"""Counts a launch's runs and epochs as workers tell of them, and says how far it is."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mnistcmp.cluster.events import MOST_TOLD, ConditionProgress, Ended, InTraining, Progress
from mnistcmp.cluster.forecast import Forecast
from mnistcmp.cluster.launch import Trained
from mnistcmp.cluster.stacks import Stack
from mnistcmp.results.outcome import Failed, Finished, Left, Outcome
from mnistcmp.study.combine import Combined
from mnistcmp.study.study import Run

SECONDS_BETWEEN = 0.5, 10.0
"""Of two accounts of progress, at first and at most: nobody reads faster, and a log stays small."""
HEARTBEAT = 10.0
"""Seconds after which it is told that there is nothing new."""
MORE_SELDOM = 300
"""An account for so many parts of the time that has passed."""


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
    """The count of a launch, from when it is made: runs are handed out then.

    Args:
        stacks: What is to be trained.
        workers: That there are.
        combined: The study.
        until: Epochs after which stacks are left.
        note: Hears of all that is told.
    """

    def __init__(
        self,
        stacks: Sequence[Stack],
        *,
        workers: int,
        combined: Combined,
        until: int | None = None,
        note: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self.failed: list[Ended] = []
        self.left_with: dict[Run, float] = {}
        """Runs that were trained as far as was asked for, with their scores."""
        self._note_told = note
        self._combined, self._workers = combined, workers
        totals = Counter[str]()
        for stack in stacks:
            totals[combined.condition_of(stack[0]).name] += len(stack)
        self._conditions = {
            condition.name: _Condition(total=totals[condition.name])
            for condition in combined.conditions
            if totals[condition.name]
        }
        self._total = totals.total()
        self._forecast = Forecast(stacks, workers, until)
        self._running: set[Stack] = set()
        self._training: dict[Stack, Trained] = {}
        """Of what runs, that which has told of an epoch."""
        self.again = Counter[str]()
        """How often stacks were trained again, by why."""
        self._finished = 0
        self._best: Ended | None = None
        self._latest: Ended | None = None
        self._ended: list[Ended] = []
        """Since that was last told."""
        self._started = time.monotonic()
        self._told_at = 0.0
        self._is_new = False

    def note_beginning(self, stack: Stack) -> None:
        """Takes down that a worker has begun with a stack."""
        self._running.add(stack)
        self._is_new = True

    def note_epoch(self, stack: Stack, trained: Trained) -> None:
        """Takes down how far a stack is that a worker trains."""
        # The one that told last stands last: of many stacks, those are told that told lately.
        self._training.pop(stack, None)
        self._training[stack] = trained
        self._is_new = True

    def note_plan(
        self, before: Sequence[Stack], now: Sequence[Stack], *, workers: int, why: str | None
    ) -> None:
        """Takes down that runs are trained in other stacks, by so many workers.

        Args:
            before: The stacks that are no more.
            now: Those in their place.
            workers: That there are now.
            why: What happened to a worker, where one was lost.
        """
        for stack in before:
            self._end(stack)
        self._workers = workers
        self._forecast.replan(before, now, workers)
        if why is not None:
            self.again[why] += 1
        self._is_new = True

    def _end(self, stack: Stack) -> None:
        self._training.pop(stack, None)
        self._running.discard(stack)

    def note(self, stack: Stack, outcomes: Sequence[Outcome]) -> None:
        """Counts what became of the runs of one stack, which are of one condition."""
        self._end(stack)
        self._forecast.end(stack, outcomes)
        self._is_new = True
        name = self._combined.condition_of(stack[0]).name
        count = self._conditions[name]
        for outcome in outcomes:
            if isinstance(outcome, Left):
                self.left_with[outcome.run] = outcome.score
                continue
            ended = self._latest = _ended(name, outcome)
            self._ended.append(ended)
            if ended.error is not None:
                count.failed += 1
                self.failed.append(ended)
                continue
            self._finished += 1
            if ended.accuracy is None:
                count.diverged += 1
                continue
            count.note(ended.accuracy)
            if self._best is None or ended.accuracy > (self._best.accuracy or 0):
                self._best = ended

    @property
    def left(self) -> int:
        """Runs that have not ended."""
        return self._total - self._finished - len(self.failed) - len(self.left_with)

    def due(self) -> bool:
        """Whether it is time to tell what was not told yet, or that the launch is still there."""
        now = time.monotonic()
        least, most = SECONDS_BETWEEN
        between = min(most, max(least, (now - self._started) / MORE_SELDOM))
        if self._is_new and not self.left:
            return True
        return now - self._told_at >= (between if self._is_new else HEARTBEAT)

    def progress(self) -> Progress:
        """How far the launch is now."""
        self._told_at, self._is_new = time.monotonic(), False
        ended, self._ended = tuple(self._ended), []
        share, left = self._forecast.look(self._training)
        told = Progress(
            total=self._total,
            workers=self._workers,
            running=sum(map(len, self._running)),
            conditions=tuple(count.now(name) for name, count in self._conditions.items()),
            finished=self._finished,
            diverged=sum(count.diverged for count in self._conditions.values()),
            failed=len(self.failed),
            share=share,
            training=tuple(self._in_training(s) for s in [*self._training][-MOST_TOLD:]),
            elapsed=self._told_at - self._started,
            left=left,
            best=self._best,
            latest=self._latest,
            ended=ended,
        )
        self._note_told(told)
        return told

    def _in_training(self, stack: Stack) -> InTraining:
        trained = self._training[stack]
        return InTraining(
            condition=self._combined.condition_of(stack[0]).name,
            seeds=tuple(run.seed for run in stack),
            host=trained.host,
            device=trained.device,
            epoch=trained.epochs,
            epochs=stack[0].recipe.all_epochs,
            train=trained.train,
            validation=trained.validation,
        )


def _ended(condition: str, outcome: Finished | Failed) -> Ended:
    seed = outcome.run.seed
    if isinstance(outcome, Failed):
        return Ended(condition=condition, seed=seed, error=outcome.error)
    diverged = outcome.result.diverged_epoch
    if diverged is not None:
        return Ended(condition=condition, seed=seed, diverged_epoch=diverged)
    result = outcome.result
    accuracy = (result.test if result.tested else result.best.validation).accuracy
    return Ended(condition=condition, seed=seed, accuracy=accuracy)
