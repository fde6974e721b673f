"""What a driver tells while it works: to this process, or through a job's log to another.

An event is never changed once it was told. `Event.kind` names each form of it in JSON.
"""

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import Field, TypeAdapter
from pydantic_core import from_json
from typing_extensions import override

from mnistcmp.report.as_json import dumps
from mnistcmp.report.contents import Report

PREFIX = "mnistcmp-event: "
"""Marks the lines of a job's log that are events."""

VERSION = 2
"""Of what events hold; raised when a field changes or goes. One may be added."""

MOST_TOLD = 32
"""Stacks in training of which an event tells; there may be thousands of workers."""

Count = Annotated[int, Field(ge=0, le=2**53)]
Number = Annotated[float, Field(allow_inf_nan=False)]
"""Of what is read: a page or a terminal that shows it can compute with it."""

_KINDS: "dict[str, type[Event]]" = {}


class Event:
    """Something that happened. Each form of it is a frozen dataclass with a `kind` of its own."""

    __slots__ = ()
    kind: ClassVar[str]
    is_last: ClassVar[bool] = False
    """Whether nothing comes after it."""

    @property
    def has_failures(self) -> bool:
        """Whether it tells of work whose parts failed: then its exit status is 1."""
        return False

    def __init_subclass__(cls) -> None:
        # Read from a job's log by its kind, of whatever work: see `from_line`.
        _KINDS[cls.kind] = cls


@dataclass(frozen=True, kw_only=True, slots=True)
class Submitted(Event):
    """A cluster has taken the work as a job, which goes on without whoever submitted it."""

    kind: ClassVar[str] = "submitted"
    study: str
    job: str
    cluster: str
    """For people: where the cluster is, and how it was found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waits(Event):
    """It is waited for another launch, whose output this is and which may be dead, or a cluster."""

    kind: ClassVar[str] = "waits"
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Started(Event):
    """Training begins."""

    kind: ClassVar[str] = "started"
    place: str
    cpus: Count
    gpus: Count
    output: str
    """As whoever trains names it."""
    total: Count
    kept: Count
    """Runs, or points, that the output had already."""
    work: str = "launch"
    """What begins: a launch or a search."""
    notice: str | None = None
    """What was wrong with the output, and what was done about it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A run that ended: with an accuracy, by diverging, or with an error."""

    condition: str
    seed: Count
    accuracy: Number | None = None
    diverged_epoch: Count | None = None
    """The epoch whose loss was no longer finite."""
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ConditionProgress:
    """How far a condition is, and how its runs do so far."""

    condition: str
    total: Count
    """Runs to train in this launch."""
    finished: Count = 0
    diverged: Count = 0
    """Of those that finished: they have no accuracy."""
    failed: Count = 0
    mean: Number | None = None
    """Test accuracy, 0 to 1, of the others that this launch has finished."""
    deviation: Number | None = None
    """Their sample standard deviation; None for one run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InTraining:
    """Runs of one condition that a worker trains together."""

    condition: str
    seeds: tuple[Count, ...]
    host: str
    device: str
    epoch: Count
    """The latest that was told, counted from 1; each run has done so many."""
    epochs: Count
    """Of each run, all rounds together."""
    train: tuple[Number, ...]
    """Each run's training accuracy in it, 0 to 1, in the order of the seeds."""
    validation: tuple[Number, ...]
    """Each run's validation accuracy after it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress(Event):
    """How far a launch is."""

    kind: ClassVar[str] = "progress"
    total: Count
    """Runs to train in this launch."""
    workers: Count
    """Places for stacks of runs to be trained at."""
    running: Count
    """Runs that workers have begun with."""
    conditions: tuple[ConditionProgress, ...]
    """Of those with runs to train, in the study's order."""
    finished: Count = 0
    diverged: Count = 0
    """Of those that finished."""
    failed: Count = 0
    share: Number = 0.0
    """Of all the launch's work, 0 to 1, that is done: epochs by what they cost."""
    training: tuple[InTraining, ...] = ()
    """What is in training and has told of an epoch; of many stacks the 32 that told last."""
    elapsed: Number = 0.0
    """Seconds since the first run was handed out."""
    left: Number | None = None
    """Seconds that the rest is going to take; None where nothing was measured yet."""
    best: Ended | None = None
    latest: Ended | None = None
    waiting: str | None = None
    """Why results cannot be stored at the moment; they are kept, and it is tried again."""
    ended: tuple[Ended, ...] = ()
    """What ended since the event before: each run is in one of a launch's events."""

    @property
    def done(self) -> int:
        """Runs that ended, well or not."""
        return self.finished + self.failed


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked(Event):
    """What a look answered, of a study whose seeds are added until it is answered."""

    kind: ClassVar[str] = "looked"
    seeds: Count
    """Of the look."""
    most: Count
    """Seeds that there are at most."""
    answered: tuple[str, ...]
    """Conditions, recipes and effects whose difference is clear or smaller than the margin."""
    open: tuple[str, ...]
    """The others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported(Event):
    """The end of a launch: what the output holds now."""

    kind: ClassVar[str] = "reported"
    is_last: ClassVar[bool] = True
    output: str
    """As whoever trains names it."""
    trained: Count
    failed: tuple[Ended, ...] = ()
    report: Report | None
    """None where no run has finished."""
    stopped: str | None = None
    """Why no more was trained, where that was before the end."""
    again: str | None = None
    """What was trained again and why, where workers were lost."""
    notice: str | None = None
    """Why nobody could be notified, where somebody was to be."""

    @property
    @override
    def has_failures(self) -> bool:
        return bool(self.failed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused(Event):
    """The work was asked for wrongly, and nothing was trained, or nothing more can be stored."""

    kind: ClassVar[str] = "refused"
    is_last: ClassVar[bool] = True
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokeOff(Event):
    """A job ended before its driver told its end."""

    kind: ClassVar[str] = "broke-off"
    is_last: ClassVar[bool] = True
    message: str


def output_of(event: Event) -> str | None:
    """The results folder that an event names; None where it names none."""
    return getattr(event, "output", None)


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(_KINDS[kind])


def to_json(event: Event) -> str:
    """The event as one line of JSON; `kind` says which it is."""
    content = {"kind": event.kind, "version": VERSION} | _adapter(event.kind).dump_python(
        event, mode="json"
    )
    return dumps(content, indent=None)


def to_line(event: Event) -> str:
    """The event as one line of a log."""
    return PREFIX + to_json(event)


def from_line(line: str) -> Event | None:
    """The event in a line of a log; None where the line is something else, or was cut."""
    _, found, text = line.partition(PREFIX)
    if not found:
        return None
    try:
        event: Event = _adapter(from_json(text)["kind"]).validate_json(text)
    except (ValueError, KeyError, TypeError):
        return None
    return event
