"""What a launch leaves in its results folder while it trains, for pages that follow it.

Whoever sees the folder can follow the launch, from its middle too: neither the driver's process nor
its cluster has to be reached.
"""

import time
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from statistics import fmean

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from mnistcmp.cluster.claim import Process
from mnistcmp.cluster.events import Count, Event, InTraining, Number, Progress, Started
from mnistcmp.errors import UserError
from mnistcmp.results.location import FileGoneError, Location, is_uri

FILE = "live.json"

SECONDS_BETWEEN, SECONDS_BETWEEN_OBJECTS = 1.0, 5.0
"""Of two accounts: in a folder, in an object store."""
SILENCE = 30.0
"""Seconds without an account after which a driver is taken to be gone; it gives one every ten."""
MOST_POINTS, MOST_CURVES = 40, 32
"""Of one curve, about; and of all, the latest: they have 200 kB at most, whatever the study."""
AFTER_AN_ERROR = 60.0
"""Seconds until the next try to write, so that a store that is away does not hold a launch up."""
PLACES = 4
"""Decimals of an error: a hundredth of a percent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """The errors, 0 to 1, of a stack's runs at one epoch."""

    mean: Number
    low: Number
    high: Number


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A stack's errors in an epoch (training) and after it (validation)."""

    epoch: Count
    train: Spread
    validation: Spread


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """How the errors of runs went that are trained together."""

    condition: str
    seeds: tuple[Count, ...]
    epochs: Count
    """Of each run, all rounds together."""
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """How a launch does that is training; a file of it outlives a driver that is killed."""

    started_at: AwareDatetime
    told_at: AwareDatetime
    process: Process
    """The driver's."""
    place: str
    """For people: where it is trained."""
    progress: Progress
    curves: tuple[Curve, ...]
    """Of what is in training, and of what was."""

    @property
    def silence(self) -> float:
        """Seconds since it was told."""
        return (datetime.now(UTC) - self.told_at).total_seconds()

    @property
    def is_gone(self) -> bool:
        """Whether its driver has ended, as far as can be seen from here."""
        return abs(self.silence) > SILENCE or (self.process.is_here and not self.process.runs)


@cache
def _adapter() -> TypeAdapter[Live]:
    return TypeAdapter(Live)


def read_live(location: Location) -> Live | None:
    """What the launch into a place tells of itself; None where none is training.

    Raises:
        UserError: The place cannot be read.
    """
    try:
        return _adapter().validate_json(location.read("", FILE).to_pybytes())
    except (FileGoneError, ValidationError):
        return None


def recorded(events: Generator[Event, None, None], output: str) -> Generator[Event, None, None]:
    """The same events; while there is progress, the results folder tells of it."""
    recorder = None
    try:
        with closing(events):
            for event in events:
                if isinstance(event, Started):
                    recorder = _Recorder(Location(output), event.place)
                elif recorder is not None and isinstance(event, Progress):
                    recorder.note(event)
                elif event.is_last:
                    # Where nothing was to train, a driver that was killed may have left a file.
                    (recorder or _Recorder(Location(output), "")).close()
                    recorder = None
                yield event
    finally:
        if recorder is not None:
            recorder.close()


class _Recorder:
    """Writes what a launch's progress is. What stands in the way of that ends no training."""

    def __init__(self, location: Location, place: str) -> None:
        self._location, self._place = location, place
        self._between = SECONDS_BETWEEN_OBJECTS if is_uri(str(location)) else SECONDS_BETWEEN
        self._started_at, self._next = datetime.now(UTC), 0.0
        self._curves: dict[tuple[str, tuple[int, ...]], Curve] = {}

    def note(self, progress: Progress) -> None:
        for part in progress.training:
            key = part.condition, part.seeds
            # The one that told last stands last.
            before = self._curves.pop(key, None)
            self._curves[key] = _continued(before, part)
            if len(self._curves) > MOST_CURVES:
                del self._curves[next(iter(self._curves))]
        if time.monotonic() < self._next:
            return
        live = Live(
            started_at=self._started_at,
            process=Process.own(),
            told_at=datetime.now(UTC),
            place=self._place,
            progress=replace(progress, ended=()),
            curves=tuple(self._curves.values()),
        )
        wait = AFTER_AN_ERROR
        with suppress(UserError):
            self._location.write("", FILE, _adapter().dump_json(live))
            wait = self._between
        self._next = time.monotonic() + wait

    def close(self) -> None:
        with suppress(UserError):
            self._location.delete("", FILE)


def _continued(curve: Curve | None, part: InTraining) -> Curve:
    """The curve with one more point, in place of the last one where that is near."""
    points = () if curve is None else curve.points
    if not points or points[-1].epoch < part.epoch:
        near = len(points) > 1 and points[-1].epoch - points[-2].epoch < part.epochs / MOST_POINTS
        train, validation = _errors(part.train), _errors(part.validation)
        new = Point(epoch=part.epoch, train=train, validation=validation)
        points = (*(points[:-1] if near else points), new)
    return Curve(condition=part.condition, seeds=part.seeds, epochs=part.epochs, points=points)


def _errors(accuracies: tuple[float, ...]) -> Spread:
    return Spread(
        mean=round(1 - fmean(accuracies), PLACES),
        low=round(1 - max(accuracies), PLACES),
        high=round(1 - min(accuracies), PLACES),
    )
