"""How far a launch is: a bar in a terminal, a line per change elsewhere."""

from datetime import timedelta

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from mnistcmp.cluster.events import Ended, Progress


class ProgressDisplay:
    """Shows a launch's progress until it is closed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Bar(
            SpinnerColumn(),
            BarColumn(bar_width=16),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self._task = self._bar.add_task("", left="")
        self._live: Live | None = None

    def update(self, progress: Progress) -> None:
        """Shows the progress as it is now."""
        left = _time_left(progress)
        counts = f"{progress.running} running, {progress.failed} failed"
        named = [("latest", progress.latest), ("best", progress.best)]
        ends = [f"{name} {describe_ended(ended)}" for name, ended in named if ended is not None]
        if not self._console.is_terminal:
            done = f"[{progress.done:{len(str(progress.total))}}/{progress.total}] {counts}"
            parts = [done, *ends, f"elapsed {_clock(progress.elapsed)}", left]
            line = ", ".join(part for part in parts if part)
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
            return
        self._bar.update(
            self._task,
            total=progress.total,
            completed=progress.done,
            description=f"{progress.done}/{progress.total} runs, {counts}",
            left=left,
        )
        # The bar's clock goes on from the launch's, which a later `attach` has not seen begin.
        self._bar.tasks[0].start_time = self._bar.get_time() - progress.elapsed
        lines = [Text(f"  {end}", no_wrap=True, overflow="ellipsis") for end in ends]
        if self._live is None:
            self._live = Live(console=self._console, transient=True)
            self._live.start()
        self._live.update(Group(self._bar, *lines))

    def close(self) -> None:
        """Leaves the terminal as it was."""
        if self._live is not None:
            self._live.stop()


def describe_ended(ended: Ended) -> str:
    """A run that ended, and how, in few words."""
    run = f"{ended.architecture} seed {ended.seed}"
    if ended.accuracy is None:
        return f"{run} failed: {ended.error}"
    return f"{run} {100 * ended.accuracy:.1f}%"


def _time_left(progress: Progress) -> str:
    if not progress.done or progress.done == progress.total:
        return ""
    return f"left {_clock(progress.elapsed * (progress.total - progress.done) / progress.done)}"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
