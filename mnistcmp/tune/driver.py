"""A search where Ray is: from the request to stored points, and the chosen recipe as a study."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from ray.util.queue import Queue

from mnistcmp.cluster.placement import choose_pools
from mnistcmp.cluster.session import Resources
from mnistcmp.cluster.tasks import failed, warm_up
from mnistcmp.data.mnist import Mnist
from mnistcmp.results.outcome import Failed, Outcome
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.trials import Trial
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Study
from mnistcmp.training.device import DeviceChoice
from mnistcmp.tune.bayes import BayesSearch
from mnistcmp.tune.folder import SearchFolder, runs_of
from mnistcmp.tune.report import SearchReport, build_search_report
from mnistcmp.tune.search import Point, Search
from mnistcmp.tune.trial import Plan
from mnistcmp.tune.tuning import Watcher, configuration, run_trials

REPORTS = 10
"""Of a point, where nothing depends on them: each costs Tune some milliseconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchRequest:
    """What to search, where to keep it, and on what."""

    search: Search
    output: str
    """A folder, or a URI of an object store."""
    device: DeviceChoice = "auto"


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchStarted:
    """Training begins."""

    place: str
    cpus: int
    gpus: int
    output: str
    total: int
    """Points of the search."""
    kept: int
    """Points that the output had already, as far as is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PointEnded:
    """A point came to its end, was stopped, or failed."""

    trial: Trial
    done: int
    """Points that have ended in this search, those that were there already included."""
    total: int
    elapsed: float
    """Seconds since the first point was handed out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchReported:
    """The end: what the output holds now."""

    output: str
    report: SearchReport


SearchEvent = SearchStarted | PointEnded | SearchReported

BEST = "best.toml"
"""The chosen recipe as a study file, in the output."""


def run_search(
    request: SearchRequest,
    load_mnist: Callable[[], Mnist],
    connect: Callable[[], AbstractContextManager[Resources]],
    tell: Callable[[SearchEvent], None],
) -> None:
    """Trains the points of a search that are missing, and stores each when it ends.

    Workers get MNIST without its test images, so nothing here can look at them. Tells
    `SearchStarted`, then `PointEnded` after each point, at last `SearchReported`. Without a missing
    point it only reports, and starts no Ray.

    Raises:
        UserError: The output, the data or the device cannot be used. Finished points are kept.
    """
    search = request.search
    folder = SearchFolder(search, ResultsStore(request.output))
    points = [folder.named(point) for point in search.points()]
    folder.check(points)
    if search.method == "bayes":
        find = partial(BayesSearch, search, folder.settled, partial(_configure, folder))
        searcher = find(replays=False)
        is_done = not searcher.has_untrained()
        if search.stops_early:
            searcher = find(replays=True)
    else:
        searcher = None
        is_done = all(folder.settled(point) for point in points)
    if not is_done:
        _train(request, folder, points, searcher, load_mnist=load_mnist, connect=connect, tell=tell)
    report = build_search_report(folder.store)
    if report.best is not None:
        folder.store.write_study(BEST, _chosen(search, report.best.recipe))
    tell(SearchReported(output=request.output, report=report))


def _configure(folder: SearchFolder, point: Point) -> dict[str, Any]:
    """A trial of a point; of one that is settled, it gives the same reports again."""
    folder.points[point.recipe] = folder.named(point)
    known = folder.settled(point)
    return configuration(point.recipe, known.reports if known else ())


def _chosen(search: Search, recipe: Recipe) -> Study:
    """The study that says how well the chosen recipe does on test pairs."""
    return Study(
        name=f"tuned-{search.base.name}"[:80],
        question="How well does the recipe do that validation accuracy chose?",
        architectures=search.base.architectures,
        seeds=search.launch_seeds,
        sources=search.base.sources,
        recipe=recipe,
    )


def _train(
    request: SearchRequest,
    folder: SearchFolder,
    points: Sequence[Point],
    searcher: BayesSearch | None,
    *,
    load_mnist: Callable[[], Mnist],
    connect: Callable[[], AbstractContextManager[Resources]],
    tell: Callable[[SearchEvent], None],
) -> None:
    search = request.search

    known = sum(folder.settled(point) is not None for point in points)

    def kept() -> int:
        return known if searcher is None else searcher.known

    with connect() as resources:
        pool = choose_pools(request.device, resources.nodes, place=resources.place)[0]
        warm_up([pool])
        mnist = load_mnist().without_test()
        folder.prepare(points)
        total = search.samples if searcher else len(points)
        tell(
            SearchStarted(
                place=resources.place,
                cpus=sum(node.cpus for node in resources.nodes),
                gpus=sum(node.gpus for node in resources.nodes),
                output=request.output,
                total=total,
                kept=kept(),
            )
        )
        outcomes = Queue(actor_options={"num_cpus": 0})
        keeper = _Keeper(folder, tell, kept=kept, total=total)
        # Those that were there already are trials only where others are measured against them.
        wanted = [p for p in points if search.stops_early or folder.settled(p) is None]
        wanted.sort(key=lambda point: folder.settled(point) is None)
        try:
            run_trials(
                mnist,
                Plan(
                    architectures=search.base.architectures,
                    sources=search.base.sources,
                    seeds=search.base.seeds,
                    device=pool.device,
                    epochs_per_report=1 if search.stops_early else max(1, search.epochs // REPORTS),
                ),
                pool,
                configurations=[_configure(folder, point) for point in wanted],
                searcher=searcher,
                samples=search.samples,
                epochs=search.epochs if search.stops_early else None,
                watcher=Watcher(outcomes, keeper.start, keeper.end),
                outcomes=outcomes,
            )
        finally:
            outcomes.shutdown(force=True)


class _Keeper:
    """Stores what comes back, and tells of it."""

    def __init__(
        self,
        folder: SearchFolder,
        tell: Callable[[SearchEvent], None],
        *,
        kept: Callable[[], int],
        total: int,
    ) -> None:
        self._folder, self._tell, self._kept, self._total = folder, tell, kept, total
        self._ended = 0
        self._clock = time.monotonic()

    def start(self, recipe: Recipe) -> None:
        """A worker begins with a point."""
        self._folder.prepare([self._folder.points[recipe]])

    def end(
        self,
        recipe: Recipe,
        reports: Sequence[tuple[int, float]],
        outcomes: Sequence[Outcome],
        lost: Exception | None,
    ) -> None:
        """A point ended: its runs are stored first, and last what makes it count."""
        folder, point = self._folder, self._folder.points[recipe]
        if folder.settled(point) is not None:
            return
        if lost is not None:
            runs = runs_of(folder.search.base, recipe)
            outcomes = [failed(run, lost, str(lost), host=None) for run in runs]
        state: Literal["finished", "stopped", "failed"] = "finished" if outcomes else "stopped"
        if any(isinstance(outcome, Failed) for outcome in outcomes):
            state = "failed"
        folder.store.write(folder.search.name, outcomes)
        trial = Trial(name=point.name, recipe=recipe, state=state, reports=tuple(reports))
        folder.store.write_trial(trial)
        self._ended += 1
        self._tell(
            PointEnded(
                trial=trial,
                done=self._ended + self._kept(),
                total=self._total,
                elapsed=time.monotonic() - self._clock,
            )
        )
