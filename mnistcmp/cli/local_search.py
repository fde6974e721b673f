"""Searching on this machine: what is shown meanwhile, and what comes next."""

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from mnistcmp.cli import exit_status
from mnistcmp.cli.console import make_console
from mnistcmp.cluster.session import local_ray
from mnistcmp.data.cache import data_dir as data_folder
from mnistcmp.data.mnist import load_mnist
from mnistcmp.results.location import fresh_place, is_uri
from mnistcmp.results.trials import Trial
from mnistcmp.tune.driver import (
    BEST,
    PointEnded,
    SearchEvent,
    SearchReported,
    SearchRequest,
    SearchStarted,
    run_search,
)
from mnistcmp.tune.search import Search
from mnistcmp.tune.text import print_search, search_to_json

if TYPE_CHECKING:
    from rich.status import Status

    from mnistcmp.training.device import DeviceChoice


def search_here(
    search: Search,
    *,
    output: str,
    fresh: bool,
    device: "DeviceChoice",
    data_dir: Path | None,
    workers: int | None,
    json: bool,
) -> int:
    """Searches on this machine; the exit status."""
    place = fresh_place(output) if fresh else output
    with SearchView(make_console(stderr=json), json=json) as view:
        try:
            run_search(
                SearchRequest(search=search, output=place, device=device),
                load_mnist=lambda: load_mnist(data_folder(data_dir)),
                connect=lambda: local_ray(workers),
                tell=view.show,
            )
        except KeyboardInterrupt:
            view.close()
            view.print(
                f"Interrupted. {view.ended} new points are kept in {place}; a search into the same "
                "folder goes on from there."
            )
            return exit_status.INTERRUPTED
    return view.status


class SearchView(ExitStack):
    """Shows a search's events: a line for each point, and in a terminal what is waited for."""

    def __init__(self, console: Console, *, json: bool) -> None:
        super().__init__()
        self.ended = 0
        """Points, in this search."""
        self.status = 0
        self._console, self._json = console, json
        self._waiting: Status | None = None

    def print(self, line: str, style: str | None = None) -> None:
        """A line for people."""
        self._console.print(line, style=style, highlight=False, markup=False, soft_wrap=True)

    def show(self, event: SearchEvent) -> None:
        """Shows one event."""
        match event:
            case SearchStarted():
                self._show_start(event)
            case PointEnded():
                self._show_point(event)
            case SearchReported():
                self.close()
                self._show_end(event)

    def _show_start(self, event: SearchStarted) -> None:
        kept = f", {event.kept} are there already" if event.kept else ""
        self.print(
            f"Searching on {event.place}: {event.cpus} CPUs, {event.gpus} GPUs. {event.total} "
            f"points{kept}. Results go to {event.output}."
        )
        if self._console.is_terminal:
            self._waiting = self.enter_context(self._console.status("training the first points"))

    def _show_point(self, event: PointEnded) -> None:
        self.ended += 1
        clock = timedelta(seconds=round(event.elapsed))
        done = f"[{event.done:{len(str(event.total))}}/{event.total}]"
        self.print(f"{done} {describe_trial(event.trial)}, elapsed {clock}")
        if self._waiting is not None:
            self._waiting.update(f"training, {event.total - event.done} points left")

    def _show_end(self, event: SearchReported) -> None:
        report, output = event.report, event.output
        if any(row.state == "failed" for row in report.rows):
            self.status = exit_status.FAILED
            self.print(
                f"Some points failed; their errors are in {output}/failures. A search into the "
                "same folder tries them again.",
                style="red",
            )
        if self._json:
            typer.echo(search_to_json(report))
        else:
            print_search(report, self._console)
        if report.best is not None:
            here = f"first copy {output}/{BEST} here, then: " if is_uri(output) else ""
            file = BEST if is_uri(output) else f"{output}/{BEST}"
            self.print(f"To test it: {here}mnistcmp launch {file}")


def describe_trial(trial: Trial) -> str:
    """A point that ended, and how, in few words."""
    if trial.state == "failed":
        return f"{trial.name} failed"
    stopped = "stopped " if trial.state == "stopped" else ""
    return f"{trial.name} {100 * trial.score:.2f}% {stopped}after {trial.epochs} epochs"
