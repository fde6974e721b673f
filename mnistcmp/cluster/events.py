"""What a driver tells while it runs a study: to this process, or through a job's log to another."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from mnistcmp.report import Report
from mnistcmp.results import Failed, Finished

PREFIX = "mnistcmp-event: "
"""Marks the lines of a job's log that are events."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A run that ended: with an accuracy, or with an error."""

    architecture: str
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
class Progress:
    """How far a launch is."""

    total: int
    """Runs to train in this launch."""
    slots: int
    """Runs that can be trained at a time."""
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

    def note(self, outcome: Finished | Failed) -> Ended:
        """Counts a run that ended, and says it in short."""
        run = outcome.run
        if isinstance(outcome, Failed):
            ended = Ended(architecture=run.architecture, seed=run.seed, error=outcome.error)
            self.failed += 1
        else:
            accuracy = outcome.result.test.accuracy
            ended = Ended(architecture=run.architecture, seed=run.seed, accuracy=accuracy)
            self.finished += 1
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


def to_line(event: Event) -> str:
    """The event as one line of a log."""
    return PREFIX + _EVENT.dump_json(event).decode()


def from_line(line: str) -> Event | None:
    """The event in a line of a log; None where the line is something else, or was cut."""
    _, found, text = line.partition(PREFIX)
    if not found:
        return None
    try:
        return _EVENT.validate_json(text)
    except ValidationError:
        return None
