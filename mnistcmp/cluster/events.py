"""What a driver tells while it runs a study: to this process, or through a job's log to another."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from mnistcmp.report.contents import Report
from mnistcmp.results.outcome import Failed, Finished

PREFIX = "mnistcmp-event: "
"""Marks the lines of a job's log that are events."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A run that ended: with an accuracy, or with an error."""

    condition: str
    seed: int
    accuracy: float | None = None
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    """Training begins."""

    place: str
    cpus: int
    gpus: int
    output: str
    total: int
    kept: int
    """Runs that the output had already."""
    kind: Literal["started"] = "started"


@dataclass(kw_only=True, slots=True)
class ConditionProgress:
    """How far a condition is, and how its runs do so far."""

    condition: str
    total: int
    """Runs to train in this launch."""
    finished: int = 0
    failed: int = 0
    mean: float | None = None
    """Test accuracy, 0 to 1, of the runs that this launch has finished."""
    deviation: float | None = None
    """Their sample standard deviation; None for one run."""

    def note(self, accuracy: float) -> None:
        """Counts a finished run (Welford's running mean and sum of squares)."""
        before, squares = self.mean or 0.0, (self.deviation or 0.0) ** 2 * (self.finished - 1)
        self.finished += 1
        self.mean = before + (accuracy - before) / self.finished
        if self.finished > 1:
            squares = max(squares, 0.0) + (accuracy - before) * (accuracy - self.mean)
            self.deviation = (squares / (self.finished - 1)) ** 0.5


@dataclass(kw_only=True, slots=True)
class Progress:
    """How far a launch is."""

    total: int
    """Runs to train in this launch."""
    workers: int
    """Places for stacks of runs to be trained at."""
    slots: int
    """Runs that can be trained at a time, in the workers' stacks."""
    conditions: list[ConditionProgress]
    """Of those with runs to train, in the study's order."""
    finished: int = 0
    failed: int = 0
    elapsed: float = 0.0
    """Seconds since the first run was handed out."""
    best: Ended | None = None
    latest: Ended | None = None
    kind: Literal["progress"] = "progress"

    @property
    def done(self) -> int:
        """Runs that ended, well or not."""
        return self.finished + self.failed

    @property
    def running(self) -> int:
        """Runs being trained now."""
        return min(self.slots, self.total - self.done)

    def note(self, outcome: Finished | Failed, condition: str) -> Ended:
        """Counts a run that ended, and says it in short; `condition` is the name of the run's."""
        seed = outcome.run.seed
        own = next(part for part in self.conditions if part.condition == condition)
        if isinstance(outcome, Failed):
            ended = Ended(condition=condition, seed=seed, error=outcome.error)
            self.failed += 1
            own.failed += 1
        else:
            accuracy = outcome.result.test.accuracy
            ended = Ended(condition=condition, seed=seed, accuracy=accuracy)
            self.finished += 1
            own.note(accuracy)
            if self.best is None or accuracy > (self.best.accuracy or 0):
                self.best = ended
        self.latest = ended
        return ended


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """The end: what the output holds now."""

    output: str
    trained: int
    failed: tuple[Ended, ...] = ()
    report: Report | None
    """None where no run has finished."""
    kind: Literal["reported"] = "reported"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """The request was wrong, and nothing was trained, or nothing more can be stored."""

    message: str
    kind: Literal["refused"] = "refused"


Event = Started | Progress | Reported | Refused
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


def to_json(event: Event) -> str:
    """The event as one line of JSON; `kind` says which it is."""
    return _EVENT.dump_json(event).decode()


def to_line(event: Event) -> str:
    """The event as one line of a log."""
    return PREFIX + to_json(event)


def from_line(line: str) -> Event | None:
    """The event in a line of a log; None where the line is something else, or was cut."""
    _, found, text = line.partition(PREFIX)
    if not found:
        return None
    try:
        return _EVENT.validate_json(text)
    except ValidationError:
        return None
