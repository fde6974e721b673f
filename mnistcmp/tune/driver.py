"""A search where Ray is: trains the points that are missing, and leaves the best as a study."""

import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from statistics import fmean

from mnistcmp.cluster.claim import claimed
from mnistcmp.cluster.crew import Crew
from mnistcmp.cluster.driver import gather_crew, why_again
from mnistcmp.cluster.events import Ended, Event, Progress, Started
from mnistcmp.cluster.launch import worker_of
from mnistcmp.cluster.places import RayPlace
from mnistcmp.cluster.tally import Tally
from mnistcmp.report.numbers import plural
from mnistcmp.results.checkpoints import Checkpoints
from mnistcmp.results.location import DamagedFileError
from mnistcmp.results.repair import set_aside
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Condition, Run
from mnistcmp.tune.folder import BEST, SearchFolder, State
from mnistcmp.tune.report import PointEnded, SearchReported, build_search_report
from mnistcmp.tune.rules import RULES, Scores, Step
from mnistcmp.tune.search import Point, Search
from mnistcmp.tune.suggest import suggested_points


def drive_search(search: Search, place: RayPlace, output: str) -> Generator[Event, None, None]:
    """Trains the points of a search that are missing, and stores each when it ends.

    Tells `Waits`, `Started` and `Progress` as a launch does, `PointEnded` after each point, and
    `SearchReported` at last. Without a missing run it only reports, and starts no Ray.

    Raises:
        UserError: The output, the data or the device cannot be used. Finished runs are kept.
    """
    store = ResultsStore(output)
    with claimed(store) as waits, ExitStack() as ends:
        yield from waits
        with suppress(DamagedFileError):
            SearchFolder(search, store).check(search.points())
        damaged = set_aside(store)
        folder = SearchFolder(search, store)
        folder.check(search.points())
        driver = _Driver(search, place, folder, ends)
        for event in driver.run():
            yield replace(event, notice=damaged) if isinstance(event, Started) else event
        stopped, again = driver.why_stopped(), driver.why_again()
        report = build_search_report(store)
        if report.best is not None:
            store.write_study(BEST, search.test_of(report.best.recipe))
    yield SearchReported(output=output, report=report, stopped=stopped, again=again)


class _Driver:
    """Takes batches of points through the steps of their rule."""

    def __init__(
        self, search: Search, place: RayPlace, folder: SearchFolder, ends: ExitStack
    ) -> None:
        self._search, self._place, self._folder, self._ends = search, place, folder, ends
        self._rule = RULES[search.rule](search)
        self._crew: Crew | None = None
        self._started = time.monotonic()
        self._scores: dict[Recipe, float] = {}
        """Of the points that have ended."""
        self._settled, self._kept = set(folder.settled), set[Recipe]()
        self._again = Counter[str]()
        self._is_over = False

    def run(self) -> Generator[Event, None, None]:
        """Trains what is missing, as far as the budget goes."""
        before: list[Point] = []
        for batch in self._batches():
            points = batch
            self._kept |= self._settled.intersection(point.recipe for point in batch)
            for step in self._rule.steps:
                points = yield from self._go(step, points, before)
                if self._is_over:
                    return
            before += points
        if self._crew is not None:
            Checkpoints(self._folder.store.location).clear()

    def _batches(self) -> Iterator[list[Point]]:
        """The points, in batches within which none depends on another's score."""
        if self._search.method != "bayes":
            yield list(self._search.points())
            return
        batch: list[Point] = []
        for point in suggested_points(self._search, self._scores):
            if point is not None:
                batch.append(point)
            else:
                yield batch
                batch = []

    def _go(
        self, step: Step, points: list[Point], before: Sequence[Point]
    ) -> Generator[Event, None, list[Point]]:
        """Takes points through a step; those that go on, of the last step those that finished."""
        folder, is_last = self._folder, step == self._rule.steps[-1]
        errors: dict[Recipe, str] = {}
        left_with: Mapping[Run, float] = {}
        if runs := folder.missing(points, step):
            left_with = yield from self._train(step, points, runs, errors)
            if self._is_over:
                return []
        scores = folder.scores([p for p in points if p.recipe not in errors], step, left_with)
        known = folder.scores(before, step, {}) if step.until is None else {}
        stopped = set() if is_last else self._rule.stopped(step, known | scores)
        going = []
        for point in points:
            recipe = point.recipe
            if recipe in errors:
                yield from self._end(point, "failed", step, errors)
            elif is_last:
                yield from self._end(point, self._state(recipe), step, errors)
                going += [point] if not folder.has_diverged(recipe) else []
            elif folder.is_whole(recipe):
                going.append(point)
            elif folder.has_diverged(recipe):
                yield from self._end(point, "diverged", step, errors, scores)
            elif recipe in stopped:
                yield from self._end(point, "stopped", step, errors, scores)
            else:
                going.append(point)
                if step.until is not None and recipe in scores:
                    folder.write(point, "open", step, fmean(scores[recipe].values()))
        return going

    def _state(self, recipe: Recipe) -> State:
        return "diverged" if self._folder.has_diverged(recipe) else "finished"

    def _end(
        self,
        point: Point,
        state: State,
        step: Step,
        errors: Mapping[Recipe, str],
        scores: Mapping[Recipe, Scores] | None = None,
    ) -> Generator[Event, None, None]:
        """Stores what became of a point, and tells it where it is new."""
        recipe, score = point.recipe, 0.0
        if recipe in self._scores:
            return
        if state != "failed":
            of = scores or self._folder.scores([point], step, {})
            score = fmean(of[recipe].values()) if recipe in of else 0.0
        self._scores[recipe] = score
        outcome = self._folder.write(point, state, step, score, errors.get(recipe))
        if recipe not in self._kept:
            yield PointEnded(
                point=outcome,
                done=len(self._kept | set(self._scores)),
                total=self._search.size,
                elapsed=time.monotonic() - self._started,
            )

    def _train(
        self, step: Step, points: Sequence[Point], runs: Sequence[Run], errors: dict[Recipe, str]
    ) -> Generator[Event, None, Mapping[Run, float]]:
        """Trains what a step needs; the scores of runs that were left on their way.

        Points that end with it are told as they do; what failed is put into `errors`.
        """
        crew = yield from self._gather(runs)
        crew = replace(crew, worker=replace(crew.worker, until=step.until))
        self._folder.prepare(points)
        store = self._folder.store
        conditions = {c.name: c for c in store.combined().conditions}
        of_recipe = {point.recipe: point for point in points}
        waiting = Counter(run.recipe for run in runs)
        with closing(crew.train(self._search.name, runs, store)) as events:
            while True:
                try:
                    event = next(events)
                except StopIteration as end:
                    tally: Tally = end.value
                    break
                yield event
                ended = event.ended if isinstance(event, Progress) else ()
                for each in ended:
                    recipe = self._note(each, conditions[each.condition], errors)
                    waiting[recipe] -= 1
                    if not waiting[recipe] and step == self._rule.steps[-1]:
                        state = "failed" if recipe in errors else self._state(recipe)
                        yield from self._end(of_recipe[recipe], state, step, errors)
        self._again += tally.again
        self._is_over = bool(tally.left)
        return tally.left_with

    def _note(self, ended: Ended, condition: Condition, errors: dict[Recipe, str]) -> Recipe:
        """Takes down how a run ended; the recipe of its point."""
        recipe = condition.recipe
        if ended.error is None:
            run = Run(architecture=condition.architecture, seed=ended.seed, recipe=recipe)
            self._folder.note(run, ended.accuracy)
        else:
            errors.setdefault(recipe, ended.error)
        return recipe

    def _gather(self, runs: Sequence[Run]) -> Generator[Event, None, Crew]:
        """The workers, who come when there is something to train for the first time."""
        if self._crew is None:
            worker, store = worker_of(self._search.study), self._folder.store
            crew = self._ends.enter_context(gather_crew(self._search, self._place, worker, runs))
            # What no worker has, none can look at.
            self._crew = replace(crew, mnist=crew.mnist.without_test())
            self._started = time.monotonic()
            kept = len(self._kept | set(self._scores))
            started = self._crew.started(store, total=self._search.size, kept=kept)
            yield replace(started, work="search")
        return self._crew

    def why_stopped(self) -> str | None:
        """Why no more was trained, where that was before the end."""
        left = self._search.size - len(self._kept | set(self._scores))
        if not self._is_over:
            return None
        are = "is" if left == 1 else "are"
        return f"Stopped as --budget asks: {plural(left, 'point')} of the search {are} left."

    def why_again(self) -> str | None:
        """What was trained again and why."""
        return None if self._crew is None else why_again(self._again, self._crew)
