"""What a launch shows while it runs and at its end, here or followed on a cluster."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

import typer
from rich.console import Console

from mnistcmp.cli import exit_status
from mnistcmp.cli.console import make_console
from mnistcmp.cli.progress import ProgressDisplay
from mnistcmp.cluster.events import Event, Progress, Refused, Reported, Started, to_json
from mnistcmp.errors import UserError
from mnistcmp.report.text import print_report


class LaunchView(ABC):
    """Shows a launch's events, and knows its exit status."""

    def __init__(self, console: Console, name_output: Callable[[str], str] = str) -> None:
        self.console = console
        """For what is no event."""
        self.status = 0
        self.ended = False
        self.finished = 0
        self.reported: Reported | None = None
        self._name_output = name_output

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def show(self, event: Event) -> None:
        """Shows one event.

        Raises:
            UserError: The event is a refusal.
        """
        match event:
            case Progress():
                self.finished = event.finished
            case Reported():
                self.ended = True
                self.reported = event
                self.status = exit_status.FAILED if event.failed else 0
            case Refused():
                self.ended = True
                raise UserError(event.message)
        self._print(event)

    @abstractmethod
    def _print(self, event: Event) -> None: ...

    @abstractmethod
    def close(self) -> None:
        """Leaves the terminal as it was."""


class TerminalView(LaunchView):
    """For people."""

    _display: ProgressDisplay | None = None

    def _print(self, event: Event) -> None:
        match event:
            case Started():
                self._show_start(event)
            case Progress():
                self._display = self._display or ProgressDisplay(self.console)
                self._display.update(event)
            case Reported():
                self.close()
                self._show_end(event)

    def _show_start(self, event: Started) -> None:
        kept = f", {event.kept} are there already" if event.kept else ""
        self.console.print(
            f"Training on {event.place}: {event.cpus} CPUs, {event.gpus} GPUs. "
            f"{event.total} runs to train{kept}. "
            f"Results go to {self._name_output(event.output)}.",
            highlight=False,
            markup=False,
        )

    def _show_end(self, event: Reported) -> None:
        output = self._name_output(event.output)
        if not event.trained:
            self.console.print(f"All runs are in {output} already.", highlight=False, markup=False)
        if event.report is not None:
            print_report(event.report, self.console)
        if event.failed:
            self.console.print(
                f"{len(event.failed)} of {event.trained} runs failed; their errors are in "
                f"{output}/failures. A launch into the same folder tries them again:",
                style="red",
                markup=False,
            )
        for failed in event.failed:
            line = f"  {failed.condition} seed {failed.seed}: {failed.error}"
            self.console.print(line, style="red", markup=False)

    def close(self) -> None:
        """Ends the progress display."""
        if self._display is not None:
            self._display.close()
            self._display = None


class JsonLinesView(LaunchView):
    """For scripts: each event as one line of JSON."""

    def _print(self, event: Event) -> None:
        if isinstance(event, Started | Reported):
            event = replace(event, output=self._name_output(event.output))
        typer.echo(to_json(event))

    def close(self) -> None:
        """Nothing is to be left."""


def view_of(
    json_lines: bool,
    name_output: Callable[[str], str] = str,
) -> LaunchView:
    """The view that is asked for; beside JSON, all that is for people goes to standard error."""
    if json_lines:
        return JsonLinesView(make_console(stderr=True), name_output)
    return TerminalView(make_console(), name_output)
