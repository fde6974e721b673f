"""How far a launch is: a bar in a terminal, a line per finished run elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from mnistcmp.cluster import Progress
from mnistcmp.results import Failed, Finished

OnProgress = Callable[[Progress], None]


@contextmanager
def progress_display(console: Console) -> Iterator[OnProgress]:
    """Gives a function to call with the progress whenever it changes."""
    if not console.is_terminal:
        yield _line_printer(console)
        return
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total} runs"),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        started = time.monotonic()
        task = bar.add_task("", total=None, state="", left="")

        def update(progress: Progress) -> None:
            bar.update(
                task,
                total=progress.total,
                completed=progress.done,
                state=_state(progress),
                left=_time_left(progress, time.monotonic() - started),
            )

        yield update


def _line_printer(console: Console) -> OnProgress:
    started = time.monotonic()

    def print_line(progress: Progress) -> None:
        elapsed = time.monotonic() - started
        width = len(str(progress.total))
        parts = [
            f"[{progress.done:{width}}/{progress.total}]",
            _state(progress),
            f"elapsed {_clock(elapsed)}",
            _time_left(progress, elapsed),
        ]
        line = ", ".join(part for part in parts[1:] if part)
        console.print(f"{parts[0]} {line}", markup=False, highlight=False, soft_wrap=True)

    return print_line


def _state(progress: Progress) -> str:
    parts = [f"{progress.running} running", f"{len(progress.failed)} failed"]
    if progress.latest is not None:
        parts.append(f"latest {_describe(progress.latest)}")
    if progress.best is not None:
        parts.append(f"best {_describe(progress.best)}")
    return ", ".join(parts)


def _describe(outcome: Finished | Failed) -> str:
    run = f"{outcome.run.architecture} seed {outcome.run.seed}"
    if isinstance(outcome, Failed):
        return f"{run} failed: {outcome.error}"
    return f"{run} {100 * outcome.result.test.accuracy:.1f}%"


def _time_left(progress: Progress, elapsed: float) -> str:
    if not progress.done or progress.done == progress.total:
        return ""
    return f"left about {_clock(elapsed * (progress.total - progress.done) / progress.done)}"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
