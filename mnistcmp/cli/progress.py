"""How far a launch is: a bar in a terminal, a line per change elsewhere."""

import time
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from mnistcmp.cluster.events import Ended, Progress


class ProgressDisplay:
    """Shows a launch's progress until it is closed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._bar: Bar | None = None
        if console.is_terminal:
            columns = (
                SpinnerColumn(),
                BarColumn(bar_width=24),
                TextColumn("{task.completed}/{task.total} runs"),
                TextColumn("{task.fields[state]}"),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
            )
            self._bar = Bar(*columns, console=console, transient=True)
            self._task = self._bar.add_task("", total=None, state="", left="")
            self._bar.start()

    def update(self, progress: Progress) -> None:
        """Shows the progress as it is now."""
        elapsed = time.monotonic() - self._started
        left = _time_left(progress, elapsed)
        if self._bar is not None:
            self._bar.update(
                self._task,
                total=progress.total,
                completed=progress.done,
                state=_state(progress),
                left=left,
            )
            return
        width = len(str(progress.total))
        parts = [_state(progress), f"elapsed {_clock(elapsed)}", left]
        line = f"[{progress.done:{width}}/{progress.total}] {', '.join(p for p in parts if p)}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Leaves the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()


def _state(progress: Progress) -> str:
    parts = [f"{progress.running} running", f"{len(progress.failed)} failed"]
    if progress.latest is not None:
        parts.append(f"latest {_describe(progress.latest)}")
    if progress.best is not None:
        parts.append(f"best {_describe(progress.best)}")
    return ", ".join(parts)


def _describe(ended: Ended) -> str:
    run = f"{ended.architecture} seed {ended.seed}"
    if ended.accuracy is None:
        return f"{run} failed: {ended.error}"
    return f"{run} {100 * ended.accuracy:.1f}%"


def _time_left(progress: Progress, elapsed: float) -> str:
    if not progress.done or progress.done == progress.total:
        return ""
    return f"left about {_clock(elapsed * (progress.total - progress.done) / progress.done)}"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
