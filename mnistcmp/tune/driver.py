"""A search where Ray is: trains the points that are missing, and leaves the best as a study."""

import time
from collections.abc import Generator, Iterable, Iterator
from itertools import chain

from mnistcmp.cluster.claim import claimed
from mnistcmp.cluster.events import Event, Started
from mnistcmp.cluster.placement import choose_pools
from mnistcmp.cluster.places import RayPlace
from mnistcmp.cluster.tasks import warm_up
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.recipe import Recipe
from mnistcmp.tune.folder import BEST, SearchFolder
from mnistcmp.tune.report import PointEnded, SearchReported, build_search_report
from mnistcmp.tune.schedule import run_points
from mnistcmp.tune.search import Point, Search
from mnistcmp.tune.suggest import suggested_points


def drive_search(search: Search, place: RayPlace, output: str) -> Generator[Event, None, None]:
    """Trains the points of a search that are missing, and stores each when it ends.

    Tells `Started`, then `PointEnded` after each point, at last `SearchReported`. Without a missing
    point it only reports, and starts no Ray.

    Raises:
        UserError: The output, the data or the device cannot be used. Finished points are kept.
    """
    store = ResultsStore(output)
    with claimed(store):
        folder = SearchFolder(search, store)
        folder.check(search.points())
        scores = {recipe: point.score for recipe, point in folder.settled.items()}
        kept: set[Recipe] = set()
        if search.method == "bayes":
            missing = _missing(suggested_points(search, scores), folder, kept)
        else:
            missing = iter(list(_missing(search.points(), folder, kept)))
        first = next(missing, None)
        if first is not None:
            yield from _train(
                search, place, folder, chain([first], missing), scores=scores, kept=kept
            )
        report = build_search_report(store)
        if report.best is not None:
            store.write_study(BEST, search.test_of(report.best.recipe))
    yield SearchReported(output=output, report=report)


def _missing(
    points: Iterable[Point | None], folder: SearchFolder, kept: set[Recipe]
) -> Iterator[Point | None]:
    """The points that are to be trained; the others are noted in `kept`, as far as is known."""
    for point in points:
        if point is not None and point.recipe in folder.settled:
            kept.add(point.recipe)
        else:
            yield point


def _train(
    search: Search,
    place: RayPlace,
    folder: SearchFolder,
    missing: Iterator[Point | None],
    *,
    scores: dict[Recipe, float],
    kept: set[Recipe],
) -> Iterator[Event]:
    with place.connect() as resources:
        pool = choose_pools(search.device, resources.nodes, place=resources.place)[0]
        warm_up(pool.slots)
        # What no worker has, none can look at.
        mnist = place.mnist().without_test()
        folder.prepare(search.points())
        yield Started(
            place=resources.place,
            cpus=sum(node.cpus for node in resources.nodes),
            gpus=sum(node.gpus for node in resources.nodes),
            output=str(folder.store.location),
            total=search.size,
            kept=len(kept),
        )
        ended, started = 0, time.monotonic()
        compared = list(folder.settled.values())
        for told in run_points(search, missing, scores, mnist, pool=pool, compared=compared):
            if isinstance(told, Point):
                folder.prepare([told])
                continue
            ended += 1
            yield PointEnded(
                point=folder.write(told.point, told.reports, told.outcomes),
                done=ended + len(kept),
                total=search.size,
                elapsed=time.monotonic() - started,
            )
