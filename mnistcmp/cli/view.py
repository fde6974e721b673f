"""What is shown of work while it goes on and at its end, here or followed on a cluster."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import typer
from typing_extensions import override

from mnistcmp.cli import exit_status
from mnistcmp.cli.console import make_console
from mnistcmp.cli.page import leave_page
from mnistcmp.cli.progress import ProgressDisplay
from mnistcmp.cluster.events import (
    BrokeOff,
    Event,
    Progress,
    Refused,
    Reported,
    Started,
    Submitted,
    to_json,
)
from mnistcmp.cluster.places import Place
from mnistcmp.errors import UserError
from mnistcmp.report.text import print_report


class View(ABC):
    """Shows the events of work at a place, and knows the exit status."""

    words: ClassVar[tuple[str, str]]
    """What the work is, and what it is made of."""

    def __init__(self, place: Place, *, job: str | None = None, json: bool = False) -> None:
        # Beside JSON, all that is for people goes to standard error.
        self.console = make_console(stderr=json)
        self.status = 0
        self.output: str | None = None
        """Where the results go, as this machine calls it; known once it has started."""
        self.ended = 0
        """What of it was trained and stored."""
        self.place, self._job = place, job

    def follow(self, events: Generator[Event, None, None]) -> int:
        """Shows events until there are no more; the exit status.

        Raises:
            UserError: The work is refused, or the place is gone.
        """
        try:
            with closing(events), closing(self):
                for event in events:
                    self.show(event)
        except KeyboardInterrupt:
            self.say(self._what_is_left())
            return exit_status.INTERRUPTED
        return self.status

    def say(self, line: str, style: str | None = None) -> None:
        """Prints a line for people."""
        self.console.print(line, style=style, highlight=False, markup=False, soft_wrap=True)

    def show(self, event: Event) -> None:
        """Shows one event; those of a form of work are added to these.

        Raises:
            UserError: The event is a refusal.
        """
        match event:
            case Submitted():
                self._job = event.job
                self.say(
                    f"Study {event.study} is job {event.job} on the cluster at {event.cluster}."
                )
            case BrokeOff():
                self.close()
                typer.echo(f"mnistcmp: {event.message}", err=True)
                self.status = exit_status.FAILED
            case Refused():
                raise UserError(event.message)

    def _what_is_left(self) -> str:
        """What becomes of work that is interrupted now."""
        if self._job is not None:
            return (
                f"Detached: job {self._job} goes on. To come back, to stop it:\n"
                f"  mnistcmp attach {self._job}\n  mnistcmp stop {self._job}"
            )
        if self.output is None:
            return "Interrupted before training began."
        work, parts = self.words
        return (
            f"Interrupted. {self.ended} new {parts} are kept in {self.output}; a {work} into the "
            "same folder goes on from there."
        )

    @abstractmethod
    def close(self) -> None:
        """Leaves the terminal as it was."""


class LaunchView(View):
    """Shows a launch: progress and report, or each event as one line of JSON for scripts."""

    words = "launch", "runs"

    def __init__(
        self,
        place: Place,
        *,
        json_lines: bool,
        job: str | None = None,
        data_dir: Path | None = None,
    ) -> None:
        super().__init__(place, job=job, json=json_lines)
        self._json, self._data_dir = json_lines, data_dir
        self._display: ProgressDisplay | None = None

    @override
    def show(self, event: Event) -> None:
        seen = None
        if isinstance(event, Started | Reported):
            seen = self.place.seen(event.output)
            self.output = seen or event.output
            event = replace(event, output=self.output)
        if self._json:
            typer.echo(to_json(event))
        super().show(event)
        match event:
            case Started() if not self._json:
                kept = f", {event.kept} are there already" if event.kept else ""
                self.say(
                    f"Training on {event.place}: {event.cpus} CPUs, {event.gpus} GPUs. "
                    f"{event.total} runs to train{kept}. Results go to {event.output}."
                )
            case Progress():
                self.ended = event.finished
                if not self._json:
                    self._display = self._display or ProgressDisplay(self.console)
                    self._display.update(event)
            case Reported():
                self.status = exit_status.FAILED if event.failed else 0
                self.close()
                if not self._json:
                    self._show_end(event)
                leave_page(seen, event.report, self.console, self._data_dir)

    def _show_end(self, event: Reported) -> None:
        if not event.trained:
            self.say(f"All runs are in {event.output} already.")
        if event.report is not None:
            print_report(event.report, self.console)
        if event.failed:
            self.say(
                f"{len(event.failed)} of {event.trained} runs failed; their errors are in "
                f"{event.output}/failures. A launch into the same folder tries them again:",
                style="red",
            )
        for failed in event.failed:
            self.say(f"  {failed.condition} seed {failed.seed}: {failed.error}", style="red")

    @override
    def close(self) -> None:
        if self._display is not None:
            self._display.close()
            self._display = None
