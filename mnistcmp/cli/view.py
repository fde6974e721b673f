"""What a launch shows while it runs and at its end, here or followed on a cluster."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console

from mnistcmp.cli import exit_status
from mnistcmp.cli.progress import ProgressDisplay
from mnistcmp.cluster.events import Event, Progress, Refused, Reported, Started
from mnistcmp.errors import UserError
from mnistcmp.report import print_report


class LaunchView:
    """Shows a launch's events, and knows its exit status."""

    def __init__(self, console: Console, name_output: Callable[[str], str] = str) -> None:
        self.status = 0
        self.ended = False
        self.finished = 0
        self._console = console
        self._name_output = name_output
        self._display: ProgressDisplay | None = None

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
            case Started():
                self._show_start(event)
            case Progress():
                self.finished = event.finished
                self._display = self._display or ProgressDisplay(self._console)
                self._display.update(event)
            case Reported():
                self.ended = True
                self.close()
                self._show_end(event)
            case Refused():
                self.ended = True
                raise UserError(event.message)

    def _show_start(self, event: Started) -> None:
        kept = f", {event.kept} are there already" if event.kept else ""
        self._console.print(
            f"Training on {event.place}: {event.cpus} CPUs, {event.gpus} GPUs. "
            f"{event.total} runs to train{kept}. "
            f"Results go to {self._name_output(event.output)}.",
            highlight=False,
            markup=False,
        )

    def _show_end(self, event: Reported) -> None:
        output = self._name_output(event.output)
        if not event.trained:
            self._console.print(f"All runs are in {output} already.", highlight=False, markup=False)
        if event.report is not None:
            print_report(event.report, self._console)
        if event.failed:
            self.status = exit_status.FAILED
            self._console.print(
                f"{len(event.failed)} of {event.trained} runs failed; their errors are in "
                f"{output}/failures. A launch into the same folder tries them again:",
                style="red",
                markup=False,
            )
        for failed in event.failed:
            line = f"  {failed.architecture} seed {failed.seed}: {failed.error}"
            self._console.print(line, style="red", markup=False)

    def close(self) -> None:
        """Ends the progress display."""
        if self._display is not None:
            self._display.close()
            self._display = None
