"""The results folder of a search: what is in it already, and what may be added. Imports no Ray."""

from collections.abc import Sequence
from dataclasses import replace

from mnistcmp.errors import UserError
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.trials import Trial
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.seeds import describe_seeds
from mnistcmp.study.study import Run, Study
from mnistcmp.tune.search import Point, Search


def runs_of(base: Study, recipe: Recipe) -> tuple[Run, ...]:
    """A point's runs."""
    return base.under(recipe).runs()


class SearchFolder:
    """What is in the results folder of a search, and what is to be added."""

    def __init__(self, search: Search, store: ResultsStore) -> None:
        self.search, self.store = search, store
        launches = store.launches()
        self._names = {recipe: name for s in launches for name, recipe in s.recipes.items()}
        self._launches = launches
        self._trials = {trial.recipe: trial for trial in store.trials()}
        self._finished = store.finished_run_ids()
        self.points: dict[Recipe, Point] = {}
        """Those that were made trials."""

    def named(self, point: Point) -> Point:
        """The point under the name that its recipe has here already."""
        return replace(point, name=self._names.get(point.recipe, point.name))

    def check(self, points: Sequence[Point]) -> None:
        """Looks, without writing, whether the points may be stored here.

        Raises:
            UserError: The place cannot be written, or holds something else.
        """
        base, name = self.search.base, self.search.name
        self.store.check(
            self.search.study(points) if points else base.model_copy(update={"name": name})
        )
        for launch in self._launches:
            if (launch.architectures, launch.seeds) != (base.architectures, base.seeds):
                raise UserError(
                    f"{self.store.location} holds a search over {', '.join(launch.architectures)} "
                    f"with the seeds {describe_seeds(launch.seeds)}; points of other architectures "
                    "or seeds do not compare with its. Choose another folder with --output, or "
                    "take --fresh."
                )

    def prepare(self, points: Sequence[Point]) -> None:
        """Notes points as launched, as far as they are not."""
        if new := [point for point in points if point.recipe not in self._names]:
            self.store.prepare(self.search.study(new))
            self._names |= {point.recipe: point.name for point in new}

    def settled(self, point: Point) -> Trial | None:
        """What became of a point, where it needs no training any more."""
        trial = self._trials.get(point.recipe)
        if trial is None or trial.state == "failed":
            return None
        if trial.state == "stopped":
            return trial if self.search.stops_early else None
        runs = runs_of(self.search.base, point.recipe)
        return trial if all(run.run_id in self._finished for run in runs) else None
