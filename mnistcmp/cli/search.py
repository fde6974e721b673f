"""What a search shows: its plan, its points as they end, and what comes next."""

from collections.abc import Generator
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from mnistcmp.cli import exit_status
from mnistcmp.cli.console import make_console
from mnistcmp.cluster.events import Event, Started
from mnistcmp.results.location import is_uri
from mnistcmp.results.output import Output
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.seeds import describe_seeds
from mnistcmp.tune.events import PointEnded, SearchReported
from mnistcmp.tune.folder import BEST, PointOutcome, SearchFolder
from mnistcmp.tune.search import Search
from mnistcmp.tune.space import in_short
from mnistcmp.tune.text import print_search, search_to_json

if TYPE_CHECKING:
    from rich.status import Status


def print_search_plan(search: Search, output: Output, console: Console) -> None:
    """Prints the points, or the space that they are looked for in, and what is there already."""
    store = ResultsStore((output.fresh() if search.fresh else output).there)
    folder = SearchFolder(search, store)
    points = search.points()
    folder.check(points)
    table = Table(title=f"Plan of search {search.name}", title_justify="left")
    if points:
        table.add_column("point")
        table.add_column("there already")
        for point in points:
            known = folder.settled.get(point.recipe)
            table.add_row(folder.named(point).name, known.state if known else "no")
    else:
        table.add_column("field")
        table.add_column("values")
        for dimension in search.dimensions:
            table.add_row(in_short(dimension.field), dimension.describe())
    console.print(table)
    names = search.study.architectures
    console.print(
        f"{search.size} points, each of {len(names)} architectures with the seeds "
        f"{describe_seeds(search.seeds)}: {search.size * len(names) * len(search.seeds)} runs. "
        f"Results folder: {store.location}. Nothing was done.",
        highlight=False,
        markup=False,
    )


def show_search(events: Generator[Event, None, None], *, json: bool) -> int:
    """Shows what a search on this machine tells.

    Returns:
        The exit status.

    Raises:
        UserError: The search is refused.
    """
    # Beside JSON, all that is for people goes to standard error.
    view = SearchView(make_console(stderr=json), json=json)
    try:
        with closing(events), view:
            for event in events:
                view.show(event)
    except KeyboardInterrupt:
        view.say(
            f"Interrupted. {view.ended} new points are kept in {view.output}; a search into the "
            "same folder goes on from there."
            if view.output
            else "Interrupted before training began."
        )
        return exit_status.INTERRUPTED
    return view.status


class SearchView(ExitStack):
    """Shows a search's events: a line for each point, and in a terminal what is waited for."""

    def __init__(self, console: Console, *, json: bool) -> None:
        super().__init__()
        self.output = ""
        self.ended = 0
        """How many points have, in this search."""
        self.status = 0
        self._console, self._json = console, json
        self._waiting: Status | None = None

    def say(self, line: str, style: str | None = None) -> None:
        """Prints a line for people."""
        self._console.print(line, style=style, highlight=False, markup=False, soft_wrap=True)

    def show(self, event: Event) -> None:
        """Shows one event."""
        match event:
            case Started():
                self._show_start(event)
            case PointEnded():
                self._show_point(event)
            case SearchReported():
                self.close()
                self._show_end(event)

    def _show_start(self, event: Started) -> None:
        self.output = event.output
        kept = f", {event.kept} are there already" if event.kept else ""
        self.say(
            f"Searching on {event.place}: {event.cpus} CPUs, {event.gpus} GPUs. {event.total} "
            f"points{kept}. Results go to {event.output}."
        )
        if self._console.is_terminal:
            self._waiting = self.enter_context(self._console.status("training the first points"))

    def _show_point(self, event: PointEnded) -> None:
        self.ended += 1
        clock = timedelta(seconds=round(event.elapsed))
        done = f"[{event.done:{len(str(event.total))}}/{event.total}]"
        self.say(f"{done} {describe_point(event.point)}, elapsed {clock}")
        if self._waiting is not None:
            self._waiting.update(f"training, {event.total - event.done} points left")

    def _show_end(self, event: SearchReported) -> None:
        report, output = event.report, event.output
        if any(row.state == "failed" for row in report.rows):
            self.status = exit_status.FAILED
            self.say(
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
            self.say(f"To test it: {here}mnistcmp launch {file}")


def describe_point(point: PointOutcome) -> str:
    """A point that ended, and how, in few words."""
    if point.state == "failed":
        return f"{point.name} failed"
    stopped = "stopped " if point.state == "stopped" else ""
    return f"{point.name} {100 * point.score:.2f}% {stopped}after {point.epochs} epochs"
