"""How far a launch is: a bar and its conditions in terminal and notebook, else a line at times."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from statistics import fmean

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from mnistcmp.cluster.events import ConditionProgress, Ended, Event, InTraining, Progress, Waits
from mnistcmp.display.notebook import NotebookOutput
from mnistcmp.display.terminal import SPARKS, Terminal
from mnistcmp.errors import cut
from mnistcmp.report.numbers import plural

MOST_LINES = 10
"""Of conditions: more would not fit a small terminal."""
SECONDS_BETWEEN_LINES = 3.0, 60.0
"""Where there is no terminal, at first and at most: one for every twentieth of the time so far."""
MOST_SPARKS = 16


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
        self._task = self._bar.add_task("", left="", total=1)
        self._live: Live | None = None
        self._output = NotebookOutput() if terminal.is_jupyter else None
        self._next_line = 0.0
        self._errors: dict[tuple[str, tuple[int, ...]], list[float]] = {}
        """Validation errors that were told of runs in training, one after the other."""

    def show(self, event: Event) -> None:
        """Shows how far it is, or what is waited for; other events are not for this display."""
        if isinstance(event, Progress):
            self.update(event)
        elif isinstance(event, Waits):
            self._terminal.say(event.message)

    def update(self, progress: Progress) -> None:
        """Shows the progress as it is now."""
        left = "" if progress.left is None else f"left {clock(progress.left)}"
        counts = f"{progress.running} running on {plural(progress.workers, 'worker')}"
        if progress.diverged:
            counts += f", {progress.diverged} diverged"
        counts += f", {progress.failed} failed"
        if progress.waiting is not None:
            counts += f". Results wait: {progress.waiting}"
        if not self._terminal.is_terminal and self._output is None:
            self._say(progress, counts, left)
            return
        described = f"{progress.done}/{progress.total} runs, {counts}"
        named = [("latest", progress.latest), ("best", progress.best)]
        lines = [f"{name} {describe_ended(ended)}" for name, ended in named if ended is not None]
        lines += describe_conditions(progress.conditions, self._curves(progress.training))
        if self._output is not None:
            since = f"{described}, elapsed {clock(progress.elapsed)} {left}"
            self._output.show(progress.share, [since, *lines])
            return
        self._bar.update(self._task, completed=progress.share, description=described, left=left)
        # The bar's clock goes on from the launch's, which a later `attach` has not seen begin.
        self._bar.tasks[0].start_time = self._bar.get_time() - progress.elapsed
        below = "\n".join(f"  {line}" for line in lines)
        if self._live is None:
            self._live = Live(console=self._terminal, transient=True)
            self._live.start()
        text = Text(below, no_wrap=True, overflow="ellipsis")
        self._live.update(Group(self._bar, text))

    def _say(self, progress: Progress, counts: str, left: str) -> None:
        """A line with what is in training, if it is time for one."""
        is_last = progress.done == progress.total
        if progress.elapsed < self._next_line and not is_last:
            return
        least, most = SECONDS_BETWEEN_LINES
        self._next_line = progress.elapsed + min(most, max(least, progress.elapsed / 20))
        training = describe_training(progress.training)
        shown = [p for p in progress.conditions if p.condition in training or is_last]
        parts = [
            f"[{progress.done:{len(str(progress.total))}}/{progress.total}] {progress.share:.0%}",
            counts,
            *describe_conditions(shown, training),
            f"elapsed {clock(progress.elapsed)}",
            left,
        ]
        self._terminal.say(", ".join(part for part in parts if part))

    def _curves(self, training: Sequence[InTraining]) -> dict[str, str]:
        """What is in training of each condition, and how its validation error went."""
        told = {(part.condition, part.seeds): part for part in training}
        self._errors = {key: self._errors.get(key, []) for key in told}
        for key, part in told.items():
            self._errors[key].append(1 - fmean(part.validation))
        # Of a condition's stacks the one that is furthest, since each has a curve of its own.
        furthest = {part.condition: part for part in sorted(training, key=lambda p: p.epoch)}
        curves = {
            name: sparkline(self._errors[name, part.seeds]) for name, part in furthest.items()
        }
        described = describe_training(training)
        return {name: f"{text}, error {curves[name]}" for name, text in described.items()}

    def close(self) -> None:
        """Leaves the terminal as it was."""
        if self._live is not None:
            self._live.stop()


def sparkline(values: Sequence[float]) -> str:
    """Numbers as bars of eighths of a line, from the least to the greatest; at most 16 of them."""
    step = max(1.0, len(values) / MOST_SPARKS)
    shown = [values[int(place * step)] for place in range(min(len(values), MOST_SPARKS))]
    least, most = min(shown, default=0.0), max(shown, default=0.0)
    scale = (len(SPARKS) - 1) / ((most - least) or 1)
    return "".join(SPARKS[round((value - least) * scale)] for value in shown)


def describe_training(training: Iterable[InTraining]) -> dict[str, str]:
    """Condition to what is in training of it, and how far."""
    stacks: dict[str, list[InTraining]] = {}
    for part in training:
        stacks.setdefault(part.condition, []).append(part)
    described = {}
    for condition, parts in stacks.items():
        runs = sum(len(part.seeds) for part in parts)
        # Stacks that are not equally far have no mean in common.
        reached = {
            f"{epoch}": fmean(v for part in parts if part.epoch == epoch for v in part.validation)
            for epoch in sorted({part.epoch for part in parts})
        }
        ends = [*reached][:1] + [*reached][1:][-1:]
        accuracies = " to ".join(f"{reached[epoch]:.1%}" for epoch in ends)
        described[condition] = (
            f"{runs} in epoch {' to '.join(ends)} of {parts[0].epochs}, validation {accuracies}"
        )
    return described


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


def describe_conditions(
    parts: Sequence[ConditionProgress], training: Mapping[str, str]
) -> list[str]:
    """A line for each condition; of many, those that have begun and not ended come first."""

    def describe(part: ConditionProgress) -> str:
        now = training.get(part.condition)
        return describe_condition(part) + (f"; {now}" if now else "")

    if len(parts) <= MOST_LINES:
        return [describe(part) for part in parts]
    ended = sum(part.finished + part.failed == part.total for part in parts)
    by_progress = sorted(parts, key=lambda part: (part.condition not in training, _how_far(part)))
    shown = by_progress[: MOST_LINES - 1]
    others = f"{len(parts) - len(shown)} other conditions; {ended} of all have ended"
    return [*map(describe, shown), others]


def _how_far(part: ConditionProgress) -> int:
    done = part.finished + part.failed
    return 2 if not done else 1 if done == part.total else 0


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))
