"""How far a launch is: a bar in a terminal, a line per change elsewhere."""

from collections.abc import Sequence
from datetime import timedelta

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from mnistcmp.cli.console import Terminal
from mnistcmp.cluster.events import ConditionProgress, Ended, Progress
from mnistcmp.errors import cut

MOST_LINES = 10
"""Of conditions: more would not fit a small terminal."""


class ProgressDisplay:
    """Shows a launch's progress until it is closed."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._bar = Bar(
            SpinnerColumn("line"),
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
        counts = f"{progress.running} running on {progress.workers} workers"
        if progress.diverged:
            counts += f", {progress.diverged} diverged"
        counts += f", {progress.failed} failed"
        named = [("latest", progress.latest), ("best", progress.best)]
        lines = [f"{name} {describe_ended(ended)}" for name, ended in named if ended is not None]
        if not self._terminal.is_terminal:
            latest = progress.latest and progress.latest.condition
            lines += [describe_condition(p) for p in progress.conditions if p.condition == latest]
            done = f"[{progress.done:{len(str(progress.total))}}/{progress.total}] {counts}"
            parts = [done, *lines, f"elapsed {clock(progress.elapsed)}", left]
            self._terminal.say(", ".join(part for part in parts if part))
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
        lines += describe_conditions(progress.conditions)
        below = "\n".join(f"  {line}" for line in lines)
        if self._live is None:
            self._live = Live(console=self._terminal, transient=True)
            self._live.start()
        self._live.update(Group(self._bar, Text(below, no_wrap=True, overflow="ellipsis")))

    def stop(self) -> None:
        """Leaves the terminal as it was."""
        if self._live is not None:
            self._live.stop()


def describe_ended(ended: Ended) -> str:
    """A run that ended, and how, in few words."""
    run = f"{ended.condition} seed {ended.seed}"
    if ended.accuracy is not None:
        return f"{run} {ended.accuracy:.1%}"
    if ended.diverged_epoch is not None:
        return f"{run} diverged in epoch {ended.diverged_epoch}"
    return f"{run} failed: {cut(str(ended.error))}"


def describe_condition(part: ConditionProgress) -> str:
    """How far a condition is, and its mean and deviation so far."""
    mean = "" if part.mean is None else f" {100 * part.mean:.2f}"
    spread = "" if part.deviation is None else f" ± {100 * part.deviation:.2f}"
    counts = [("diverged", part.diverged), ("failed", part.failed)]
    others = "".join(f", {count} {name}" for name, count in counts if count)
    percent = "%" if mean else ""
    return f"{part.condition} {part.finished}/{part.total}{mean}{spread}{percent}{others}"


def describe_conditions(parts: Sequence[ConditionProgress]) -> list[str]:
    """A line for each condition; of many, those that have begun and not ended come first."""
    if len(parts) <= MOST_LINES:
        return [describe_condition(part) for part in parts]
    ended = sum(part.finished + part.failed == part.total for part in parts)
    shown = sorted(parts, key=_how_far)[: MOST_LINES - 1]
    others = f"{len(parts) - len(shown)} other conditions; {ended} of all have ended"
    return [*(describe_condition(part) for part in shown), others]


def _how_far(part: ConditionProgress) -> int:
    done = part.finished + part.failed
    return 2 if not done else 1 if done == part.total else 0


def _time_left(progress: Progress) -> str:
    if not progress.done or progress.done == progress.total:
        return ""
    return f"left {clock(progress.elapsed * (progress.total - progress.done) / progress.done)}"


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))
