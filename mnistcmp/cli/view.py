"""What is shown of work while it goes on and at its end, here or followed on a cluster."""

from collections.abc import Generator
from contextlib import closing
from typing import Literal

from mnistcmp.cli.console import FAILED, INTERRUPTED, echo, print_json
from mnistcmp.cli.report import default_page, make_page
from mnistcmp.cli.watch import watch_beside
from mnistcmp.cluster import events as told
from mnistcmp.cluster.places import Place
from mnistcmp.display.progress import ProgressDisplay, clock, describe_ended
from mnistcmp.display.terminal import Terminal
from mnistcmp.errors import UserError
from mnistcmp.report.contents import Report
from mnistcmp.report.numbers import plural, some_of
from mnistcmp.report.text import print_report
from mnistcmp.results.location import is_uri
from mnistcmp.results.store import ResultsStore
from mnistcmp.tune.folder import BEST
from mnistcmp.tune.report import PointEnded, SearchReported
from mnistcmp.tune.text import print_search, search_to_json


class View:
    """Shows the events of work at a place, a launch or a search, and knows the exit status.

    Args:
        place: Where the work is done.
        json: What of it is JSON, for scripts: each event as a line, or a search's report.
        job: The job that is followed.
        opens: Whether the page that follows a launch is opened.
    """

    def __init__(
        self,
        place: Place,
        *,
        json: Literal["lines", "report"] | None = None,
        job: str | None = None,
        opens: bool = False,
    ) -> None:
        # Beside JSON, all that is for people goes to standard error.
        self.terminal = Terminal(stderr=json is not None)
        self.json, self.place, self.job = json, place, job
        self.status = self.ended = 0
        self.output: str | None = None
        """Where the results go, as this machine calls it; known once it has started."""
        self.is_seen = True
        self.display: ProgressDisplay | None = None
        self._opens = opens
        self._work = "launch"
        self._ended_before = 0
        """Runs before the latest look, or the search's latest step."""
        self._elapsed = 0.0

    def follow(self, events: Generator[told.Event, None, None], *, detach: bool = False) -> int:
        """Shows events until there are no more, or a job is submitted; the exit status.

        Raises:
            UserError: The work is refused, or the place is gone.
        """
        try:
            with closing(events), closing(self):
                for event in events:
                    self.show(event)
                    if detach and isinstance(event, told.Submitted):
                        self.say(f"To follow it: mnistcmp attach {event.job}")
                        break
        except KeyboardInterrupt:
            self.say(self._what_is_left())
            return INTERRUPTED
        return self.status

    def say(self, line: str, style: str | None = None) -> None:
        """Prints a line for people."""
        self.terminal.say(line, style)

    def show(self, event: told.Event) -> None:
        """Shows one event."""
        if (output := told.output_of(event)) is not None:
            self.is_seen = self.place.seen(output) is not None
            event = self.place.as_seen(event)
            self.output = told.output_of(event)
        if self.json == "lines":
            print_json(told.to_json(event))
        match event:
            case told.Submitted():
                self.job = event.job
                self.say(
                    f"Study {event.study} is job {event.job} on the cluster at {event.cluster}."
                )
            case told.Waits():
                self.say(event.message)
            case told.Started():
                self._show_beginning(event)
            case told.Progress():
                self._show_progress(event)
            case told.Looked():
                self._show_look(event)
            case PointEnded():
                self._show_point(event)
            case _ if event.is_last:
                self._show_last(event)

    def _show_last(self, event: told.Event) -> None:
        match event:
            case told.Reported():
                self._show_end(event)
            case SearchReported():
                self._show_found(event)
            case told.BrokeOff():
                self.close()
                echo(f"mnistcmp: {event.message}", err=True)
                self.status = FAILED
            case told.Refused():
                raise UserError(event.message)

    def close(self) -> None:
        """Leaves the terminal as it was."""
        if self.display is not None:
            self.display.close()
            self.display = None

    def _what_is_left(self) -> str:
        """What becomes of work that is interrupted now."""
        if self.job is not None:
            return (
                f"Detached: job {self.job} goes on. To come back, to stop it:\n"
                f"  mnistcmp attach {self.job}\n  mnistcmp stop {self.job}"
            )
        if self.output is None:
            return "Interrupted before training began."
        is_ = "is" if self.ended == 1 else "are"
        return (
            f"Interrupted. {plural(self.ended, 'new run')} {is_} kept in {self.output}; a "
            f"{self._work} into the same folder goes on from there."
        )

    def _say_failed(self, what: str) -> None:
        self.status = FAILED
        errors = f"their errors are in {self.output}/failures"
        if self.is_seen:
            errors = f"'mnistcmp failures {self.output}' shows why"
        self.say(
            f"{what} failed; {errors}. A {self._work} into the same folder tries them again.",
            style="red",
        )

    def _show_beginning(self, event: told.Started) -> None:
        self._work = event.work
        if self.json != "lines":
            if event.notice is not None:
                self.say(event.notice, style="red")
            doing, parts = "Training", f"{plural(event.total, 'run')} to train"
            if event.work == "search":
                doing, parts = "Searching", plural(event.total, "point")
            are = "is" if event.kept == 1 else "are"
            kept = f", {event.kept} {are} there already" if event.kept else ""
            self.say(
                f"{doing} on {event.place}: {plural(event.cpus, 'CPU')}, "
                f"{plural(event.gpus, 'GPU')}. {parts}{kept}. Results go to {event.output}."
            )
        if self._opens and self.is_seen:
            watch_beside(event.output)
        elif self._opens:
            self.say(f"No page is opened: {event.output} is not seen from this machine.")

    def _show_progress(self, event: told.Progress) -> None:
        if event.elapsed < self._elapsed:
            # Counts begin anew with each step of a search.
            self.close()
            self._ended_before = self.ended
        self._elapsed = event.elapsed
        self.ended = self._ended_before + event.finished
        if self.json != "lines":
            self.display = self.display or ProgressDisplay(self.terminal)
            self.display.update(event)

    def _show_look(self, event: told.Looked) -> None:
        self.close()
        self._ended_before = self.ended
        still = f"; open: {', '.join(event.open)}" if event.open else ""
        count = f"{len(event.answered)} of {len(event.answered) + len(event.open)} comparisons"
        self.say(f"After {event.seeds} of {event.most} seeds: {count} answered{still}.")

    def _show_end(self, event: told.Reported) -> None:
        self.close()
        if self.json is None and not event.trained:
            self.say(f"All runs are in {event.output} already.")
        if self.json is None and event.report is not None:
            print_report(event.report, self.terminal)
        if event.failed:
            which = some_of(len(event.failed), event.trained, "run")
            self._say_failed(which[0].upper() + which[1:])
        for failed in event.failed:
            self.say(f"  {describe_ended(failed)}", style="red")
        for line in filter(None, (event.again, event.stopped, event.notice)):
            self.say(line, style="red")
        if event.report is not None and self.is_seen:
            leave_page(event.output, event.report, self.terminal)

    def _show_point(self, event: PointEnded) -> None:
        point = event.point
        ending = f"{point.score:.2%} after {point.epochs} epochs of {len(point.seeds)} seeds"
        if point.state != "finished":
            ending = f"{point.state}: {point.error}" if point.error else f"{point.state}, {ending}"
        if self.json != "lines":
            done = f"[{event.done:{len(str(event.total))}}/{event.total}]"
            self.say(f"{done} {point.name} {ending}, elapsed {clock(event.elapsed)}")

    def _show_found(self, event: SearchReported) -> None:
        self.close()
        report, output = event.report, event.output
        if event.has_failures:
            self._say_failed("Some points")
        if self.json == "report":
            print_json(search_to_json(report))
        elif self.json is None:
            print_search(report, self.terminal)
        for line in filter(None, (event.again, event.stopped)):
            self.say(line, style="red")
        if report.best is not None:
            is_near = self.is_seen and not is_uri(output)
            here = "" if is_near else f"first copy {output}/{BEST} here, then: "
            file = f"{output}/{BEST}" if is_near else BEST
            self.say(f"To test it: {here}mnistcmp launch {file}")


def leave_page(results: str, found: Report, terminal: Terminal) -> None:
    """Writes a launch's page into its results folder, and says where it is.

    In an object store it would have to be fetched to be looked at: then it is only said how to make
    one. What stands in the way of a page does not fail a launch.
    """
    line = f"To look at it as a page: mnistcmp report {results} --html"
    if not is_uri(results):
        try:
            path = default_page(results)
            make_page(ResultsStore(results), found, path)
            line = f"The page is {path}"
        except Exception as error:  # noqa: BLE001 - whatever it is, the runs are kept
            line = f"No page was made: {error}"
    terminal.say(line)
