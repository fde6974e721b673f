"""What became of a run: what a worker gives back, and the store keeps."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mnistcmp.provenance import Environment
from mnistcmp.study.study import Run

if TYPE_CHECKING:
    from mnistcmp.training.result import TrainingResult

_FOR_TERMINALS = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
"""Colours, links, titles, and single characters that terminals obey."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A run that was trained and tested."""

    run: Run
    result: "TrainingResult"
    environment: Environment
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """A run that raised, or whose worker was lost for good."""

    run: Run
    error: str
    traceback: str
    host: str | None
    failed_at: datetime

    def __post_init__(self) -> None:
        # A network's error may hold what is no text, which neither Parquet nor JSON can.
        for name in ("error", "traceback"):
            text = _FOR_TERMINALS.sub("", getattr(self, name).encode(errors="replace").decode())
            object.__setattr__(self, name, text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """A run that was trained for as many epochs as was asked for, and can go on from there."""

    run: Run
    score: float
    """Its validation accuracy so far, as `training.result.scores_so_far` has it."""


Outcome = Finished | Failed | Left
