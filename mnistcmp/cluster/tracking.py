"""A launch's events for another tool, which can neither hold the launch up nor break it."""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from queue import SimpleQueue
from threading import Thread

from mnistcmp.cluster.events import Event, Progress
from mnistcmp.export.live import LiveRun, Tracker, make_trackers
from mnistcmp.export.runs import name_of, parameters_of
from mnistcmp.export.to_mlflow import why
from mnistcmp.study.study import Run, Study

MOST_WAITING = 100
"""Accounts of epochs that a tool may have before it; others are passed over until it caught up."""
SECONDS_AT_END = 10.0
"""That a launch waits for a tool to take the rest."""


class Tracking:
    """Tells a tool of a study's launch, in a thread of its own, until it fails.

    Why it failed is said once, in the thread of whoever calls.
    """

    def __init__(self, tracker: Tracker, study: Study, say: Callable[[str], None]) -> None:
        self._tracker, self._study, self._say = tracker, study.name, say
        self._conditions = {condition.name: condition for condition in study.conditions}
        self._several = len(study.recipes) > 1
        self._epochs: dict[tuple[str, int], int] = {}
        """Of each run the latest that the tool was told of."""
        self._waiting: SimpleQueue[Progress | None] = SimpleQueue()
        self._problem: str | None = None
        self._is_said = False
        # A daemon: it may hang for good.
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def update(self, event: Event) -> None:
        """Hands an event on, and waits for nothing."""
        if isinstance(event, Progress) and self._problem is None:
            if self._waiting.qsize() < MOST_WAITING:
                self._waiting.put(event)
            elif event.ended:
                # It is told in one event only.
                self._waiting.put(replace(event, training=()))
        self._warn()

    def close(self) -> None:
        """Waits for the tool to take the rest, but not for long."""
        self._waiting.put(None)
        if self._problem is None:
            self._thread.join(SECONDS_AT_END)
            if self._thread.is_alive():
                self._problem = f"it has not taken the rest in {SECONDS_AT_END:g} s"
        self._warn()

    def _warn(self) -> None:
        if self._problem is None or self._is_said:
            return
        self._is_said = True
        tool = self._tracker.tool
        self._say(
            f"--track {tool} is given up: {self._tracker.place}: {self._problem}. Runs are trained "
            f"and kept all the same; 'mnistcmp export {tool}' brings finished ones there later."
        )

    def _serve(self) -> None:
        try:
            while (progress := self._waiting.get()) is not None:
                self._tell(progress)
            self._tracker.close()
        except Exception as error:  # noqa: BLE001 - a tool's libraries raise what they like
            self._problem = why(error)
            with suppress(Exception):
                self._tracker.close()

    def _tell(self, progress: Progress) -> None:
        for part in progress.training:
            for seed, train, validation in zip(
                part.seeds, part.train, part.validation, strict=True
            ):
                if part.epoch > self._epochs.get((part.condition, seed), 0):
                    self._epochs[part.condition, seed] = part.epoch
                    accuracies = {"train_accuracy": train, "validation_accuracy": validation}
                    self._tracker.log(self._run(part.condition, seed), part.epoch, accuracies)
        for ended in progress.ended:
            self._epochs.pop((ended.condition, ended.seed), None)
            metrics: dict[str, float] = {}
            if ended.accuracy is not None:
                metrics["test_accuracy"] = ended.accuracy
            if ended.diverged_epoch is not None:
                metrics["diverged_epoch"] = float(ended.diverged_epoch)
            self._tracker.end(self._run(ended.condition, ended.seed), metrics, ended.error)

    def _run(self, name: str, seed: int) -> LiveRun:
        condition = self._conditions.get(name)
        if condition is None:
            # Other launches into the folder changed what tells its conditions apart.
            return LiveRun(study=self._study, name=f"{name}-seed-{seed}")
        architecture, recipe = condition.architecture, condition.recipe
        return LiveRun(
            study=self._study,
            name=name_of(architecture, seed, recipe.hash if self._several else None),
            parameters=parameters_of(architecture, seed, recipe),
            run_id=Run(architecture=architecture, seed=seed, recipe=recipe).run_id,
            recipe_hash=recipe.hash,
        )


def tracked(
    events: Generator[Event, None, None],
    study: Study,
    tools: Sequence[str],
    say: Callable[[str], None],
) -> Generator[Event, None, None]:
    """The events of a study's launch, of which each tool is told on their way.

    Raises:
        UserError: A tool is unknown, or not installed; nothing was begun.
    """
    trackers = make_trackers(tools)
    # Training ends before the tools are waited for, also where it is interrupted.
    with ExitStack() as ends, closing(events):
        trackings = [Tracking(tracker, study, say) for tracker in trackers]
        for tracking in trackings:
            ends.enter_context(closing(tracking))
        for event in events:
            for tracking in trackings:
                tracking.update(event)
            yield event
