"""What a launch shows while it runs and at its end, here or followed on a cluster."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import typer
from rich.console import Console
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


def show_launch(
    events: Generator[Event, None, None],
    place: Place,
    *,
    json_lines: bool,
    job: str | None = None,
    data_dir: Path | None = None,
) -> int:
    """Shows what a launch at a place tells, and leaves its page; `job` is one that is come back to.

    Returns:
        The exit status.

    Raises:
        UserError: The launch is refused, or the place is gone.
    """
    # Beside JSON, all that is for people goes to standard error.
    view = (JsonLinesView if json_lines else TerminalView)(
        make_console(stderr=json_lines), place, job
    )
    try:
        with closing(events), closing(view):
            for event in events:
                view.show(event)
    except KeyboardInterrupt:
        view.console.print(view.goes_on(), highlight=False, markup=False, soft_wrap=True)
        return exit_status.INTERRUPTED
    if view.reported is not None:
        output = place.seen(view.reported.output)
        leave_page(output, view.reported.report, view.console, data_dir)
    return view.status


class LaunchView(ABC):
    """Shows a launch's events, and knows its exit status."""

    def __init__(self, console: Console, place: Place, job: str | None) -> None:
        self.console = console
        """For what is no event."""
        self.status = 0
        self.reported: Reported | None = None
        self._place, self._job = place, job
        self._output: str | None = None
        self._finished = 0

    def show(self, event: Event) -> None:
        """Shows one event.

        Raises:
            UserError: The event is a refusal.
        """
        if isinstance(event, Started | Reported):
            self._output = self._place.seen(event.output) or event.output
            event = replace(event, output=self._output)
        self._print(event)
        match event:
            case Submitted():
                self._job = event.job
                self.console.print(
                    f"Study {event.study} is job {event.job} on the cluster at {event.cluster}.",
                    highlight=False,
                    soft_wrap=True,
                )
            case Progress():
                self._finished = event.finished
            case Reported():
                self.reported = event
                self.status = exit_status.FAILED if event.failed else 0
            case BrokeOff():
                typer.echo(f"mnistcmp: {event.message}", err=True)
                self.status = exit_status.FAILED
            case Refused():
                raise UserError(event.message)

    def goes_on(self) -> str:
        """What becomes of a launch that is interrupted now."""
        if self._job is not None:
            return (
                f"Detached: job {self._job} goes on. To come back, to stop it:\n"
                f"  mnistcmp attach {self._job}\n  mnistcmp stop {self._job}"
            )
        if self._output is None:
            return "Interrupted before training began."
        return (
            f"Interrupted. {self._finished} new runs are kept in {self._output}; a launch into the "
            "same folder goes on from there."
        )

    @abstractmethod
    def _print(self, event: Event) -> None: ...

    @abstractmethod
    def close(self) -> None:
        """Leaves the terminal as it was."""


class TerminalView(LaunchView):
    """For people."""

    _display: ProgressDisplay | None = None

    @override
    def _print(self, event: Event) -> None:
        match event:
            case Started():
                kept = f", {event.kept} are there already" if event.kept else ""
                self._say(
                    f"Training on {event.place}: {event.cpus} CPUs, {event.gpus} GPUs. "
                    f"{event.total} runs to train{kept}. Results go to {event.output}."
                )
            case Progress():
                self._display = self._display or ProgressDisplay(self.console)
                self._display.update(event)
            case Reported():
                self.close()
                self._show_end(event)

    def _show_end(self, event: Reported) -> None:
        if not event.trained:
            self._say(f"All runs are in {event.output} already.")
        if event.report is not None:
            print_report(event.report, self.console)
        if event.failed:
            self._say(
                f"{len(event.failed)} of {event.trained} runs failed; their errors are in "
                f"{event.output}/failures. A launch into the same folder tries them again:",
                style="red",
            )
        for failed in event.failed:
            self._say(f"  {failed.condition} seed {failed.seed}: {failed.error}", style="red")

    def _say(self, line: str, style: str | None = None) -> None:
        self.console.print(line, style=style, highlight=False, markup=False)

    @override
    def close(self) -> None:
        if self._display is not None:
            self._display.close()
            self._display = None


class JsonLinesView(LaunchView):
    """For scripts: each event as one line of JSON."""

    @override
    def _print(self, event: Event) -> None:
        typer.echo(to_json(event))

    @override
    def close(self) -> None:
        """Nothing is to be left."""
