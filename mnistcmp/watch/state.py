"""What the page shows: the launch that goes on, if one does, and what is stored so far."""

import os
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnistcmp.cluster.live import Live, read_live
from mnistcmp.errors import UserError
from mnistcmp.networks.architectures import published
from mnistcmp.report.html.pages import report_page
from mnistcmp.report.html.template import render
from mnistcmp.report.numbers import points, seconds, spread
from mnistcmp.report.tables import Table
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.seeds import describe_seeds
from mnistcmp.watch.curves import plots

if TYPE_CHECKING:
    from datetime import datetime

READ_EVERY = 0.9
"""Seconds between two looks at the folder, however many pages ask."""
REPORT_EVERY, REPORT_SHARE = 15.0, 0.05
"""Between two reports while training goes on, at least; and of a processor's time, at most."""
POLITENESS = 10
"""Of the thread that draws reports, while others train: a nice value."""
MOST_FAILURES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What of a page is kept fresh."""

    live: str | None
    """HTML of the launch that goes on; None where none does."""
    report: int
    """Number of the report that can be had, from 1; 0 where there is none."""


class Watched:
    """A results folder that is looked at while a launch adds to it.

    Args:
        place: The folder.
        waits: Whether the page waits for another launch where none goes on.

    Raises:
        UserError: It is not there, or nothing was launched into it.
    """

    def __init__(self, place: str, *, waits: bool = False) -> None:
        self._store = ResultsStore(place)
        self._store.check_exists()
        if not self._store.launches():
            raise UserError(f"nothing was launched into {place}. Launch a study into it first.")
        self._combined = self._store.combined()
        self._of: Live | None = None
        """An account of the launch whose conditions these are."""
        self._kept = Counter[str]()
        """Runs of each condition that were stored before it."""
        self._live: Live | None = None
        self._read_at = self._asked_at = -REPORT_EVERY
        self._failures: list[Mapping[str, str]] = []
        self._failed: tuple[datetime, int] | None = None
        self._template = "followed.html.j2" if waits else "report.html.j2"
        self._report, self._number, self._finished = "", 0, -1
        self._next_report = 0.0
        self._drawing = threading.Lock()

    @property
    def is_looked_at(self) -> bool:
        """Whether a page asked lately."""
        return time.monotonic() - self._asked_at < REPORT_EVERY

    def look(self, *, asked: bool = False) -> Shown:
        """What the folder says now; `asked` where a page wants to know."""
        if asked:
            self._asked_at = time.monotonic()
        html = self._render(self._live) if self.goes_on and self._live is not None else None
        return Shown(live=html, report=self._number)

    @property
    def goes_on(self) -> bool:
        """Whether a launch tells of itself; what was told last counts where nothing can be read."""
        if time.monotonic() - self._read_at >= READ_EVERY:
            self._read_at = time.monotonic()
            with suppress(UserError):
                self._live = read_live(self._store.location)
        return self._live is not None

    def refresh_report(self) -> None:
        """Draws the report again where something was stored since, and it is time to."""
        with self._drawing:
            live, now = self._live, time.monotonic()
            if live is not None and now < self._next_report:
                return
            finished = len(self._store.finished_run_ids())
            if finished in {0, self._finished} or self._store.is_search:
                return
            if live is not None:
                # This thread's alone, on Linux.
                with suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), POLITENESS)
            from mnistcmp.data.mnist import load_mnist  # noqa: PLC0415 - takes a second

            self._report = report_page(self._store, load_mnist(), template=self._template)
            self._number, self._finished = self._number + 1, finished
            took = time.monotonic() - now
            self._next_report = now + max(REPORT_EVERY, took / REPORT_SHARE)

    def report(self) -> str:
        """The latest report's page; empty where nothing is stored."""
        return self._report

    def page(self) -> str:
        """The whole page of a launch that goes on, or of a folder without a report."""
        live = self.look().live
        return render(
            "watch.html.j2",
            study=self._combined,
            live=live,
            place=self._store.location,
            # A launch that goes on is shown where its store is away, too.
            finished=0 if live else len(self._store.finished_run_ids()),
        )

    def _render(self, live: Live) -> str:
        progress = live.progress
        if (live.started_at, progress.failed) != self._failed:
            with suppress(UserError):
                self._failures = self._read_failures(live) if progress.failed else []
                self._failed = live.started_at, progress.failed
        return render(
            "live.html.j2",
            live=live,
            progress=progress,
            left=None if progress.left is None else seconds(progress.left),
            elapsed=seconds(progress.elapsed),
            silence=seconds(live.silence) if live.is_gone else None,
            conditions=self._conditions(live),
            training=_training(live),
            plots=plots(live.curves, [part.condition for part in progress.conditions]),
            failures=self._failures,
            failed=progress.failed,
        )

    def _read_failures(self, live: Live) -> list[Mapping[str, str]]:
        """The launch's latest failures."""
        rows = self._store.read("failures").sort_by([("failed_at", "descending")])
        latest = rows.slice(0, MOST_FAILURES).to_pylist()
        return [row for row in latest if row["failed_at"] >= live.started_at]

    def _conditions(self, live: Live) -> Table | None:
        """The launch's conditions, as far as they are."""
        if self._of is None or live.started_at != self._of.started_at:
            # Another launch than before may be of other conditions.
            self._of, self._combined = live, self._store.combined()
            self._kept = self._count_kept(live)
        cells = {condition.name: condition for condition in self._combined.conditions}
        rows = []
        for part in live.progress.conditions:
            cell = cells.get(part.condition)
            number = None if cell is None else published(cell.architecture, cell.recipe.network)
            now = [t for t in live.progress.training if t.condition == part.condition]
            row = {
                "model": part.condition,
                "new runs": f"{part.finished} of {part.total}",
                "runs before": f"{self._kept[part.condition]}",
                "test, %": points(part.mean and 100 * part.mean),
                "published, %": spread(number),
                "in training": "; ".join(
                    f"{len(t.seeds)} in epoch {t.epoch} of {t.epochs}" for t in now[:2]
                ),
            }
            if part.deviation is not None:
                row["test, %"] += f" ± {points(100 * part.deviation)}"
            rows.append(row)
        return Table(name="so-far", title="Test accuracy so far", rows=rows) if rows else None

    def _count_kept(self, live: Live) -> Counter[str]:
        """Of each condition the runs that were stored before the launch, so far as it is."""
        stored = self._store.finished_run_ids()
        launched = {run.run_id: run for study in self._store.launches() for run in study.runs()}
        kept = Counter(
            self._combined.condition_of(run).name
            for run_id, run in launched.items()
            if run_id in stored
        )
        kept.subtract({part.condition: part.finished for part in live.progress.conditions})
        return +kept


def _training(live: Live) -> Table | None:
    """What runs where."""
    rows = [
        {
            "machine": part.host,
            "device": part.device,
            "model": part.condition,
            "seeds": describe_seeds(part.seeds),
            "epoch": f"{part.epoch} of {part.epochs}",
        }
        for part in live.progress.training
    ]
    return Table(name="where", title="In training now", rows=rows) if rows else None
