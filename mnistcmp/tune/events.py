"""What the driver of a search tells, beside the `Started` that a launch tells too."""

from dataclasses import dataclass
from typing import ClassVar

from mnistcmp.cluster.events import Event
from mnistcmp.tune.folder import PointOutcome
from mnistcmp.tune.report import SearchReport


@dataclass(frozen=True, kw_only=True, slots=True)
class PointEnded(Event):
    """A point came to its end, was stopped, or failed."""

    kind: ClassVar[str] = "point-ended"
    point: PointOutcome
    done: int
    """Points that have ended in this search, those that were there already included."""
    total: int
    elapsed: float
    """Seconds since the first point was handed out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchReported(Event):
    """The end of a search: what the output holds now."""

    kind: ClassVar[str] = "search-reported"
    is_last: ClassVar[bool] = True
    output: str
    """As whoever trains names it."""
    report: SearchReport
