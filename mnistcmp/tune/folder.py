"""The results folder of a search: what is in it already, and what is added. Imports no Ray.

Beside what a launch stores, it has `points/<recipe's hash>.json`, what became of each point, and
`best.toml`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from mnistcmp.cluster.events import Count
from mnistcmp.errors import UserError
from mnistcmp.report.runs import POINTS, point_files
from mnistcmp.results.outcome import Failed, Finished, Outcome
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.seeds import describe_seeds
from mnistcmp.tune.search import Point, Search

BEST = "best.toml"
"""The chosen recipe as a study file."""

State = Literal["finished", "diverged", "stopped", "failed"]
"""`stopped`: it fell behind and was not trained to its end, so it has no runs. `diverged`: the loss
of one of its runs was no longer finite, so that it is never chosen."""

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True, slots=True)
class PointOutcome:
    """What became of a point."""

    name: str
    """As the study files in `launches` name its recipe."""
    recipe: Recipe
    state: State
    reports: tuple[tuple[Count, Share], ...]
    """Epochs trained and score, 0 to 1, now and then and at the end. The score is the mean over
    architectures and seeds of the best validation accuracy so far, 0 of a run that diverged."""
    error: str | None = None
    """What the first of its runs that failed says."""

    @property
    def epochs(self) -> int:
        """How many it was trained for, all rounds together."""
        return self.reports[-1][0] if self.reports else 0

    @property
    def score(self) -> float:
        """The last one, 0 to 1."""
        return self.reports[-1][1] if self.reports else 0.0


_JSON = TypeAdapter(PointOutcome)


def read_points(store: ResultsStore) -> dict[Recipe, PointOutcome]:
    """The points that ended; none where this is no search's folder.

    Raises:
        UserError: A file is not one of a point.
    """
    points = {}
    for file in point_files(store):
        try:
            point = _JSON.validate_json(store.location.read(POINTS, file).to_pybytes())
        except ValidationError as error:
            raise UserError(
                f"{store.location.path(POINTS, file)} is not a point of a search that this "
                "mnistcmp can read. Move it away; a search into this folder trains the point again."
            ) from error
        points[point.recipe] = point
    return points


class SearchFolder:
    """What is in the results folder of a search, and what is to be added."""

    def __init__(self, search: Search, store: ResultsStore) -> None:
        self.store = store
        self._search = search
        self._launches = store.launches()
        self._names = {r: name for launch in self._launches for name, r in launch.recipes.items()}
        finished = store.finished_run_ids()
        self.settled = {
            recipe: point
            for recipe, point in read_points(store).items()
            if (point.state == "stopped" and search.stops_early)
            or (
                point.state in {"finished", "diverged"}
                and all(run.run_id in finished for run in search.runs(recipe))
            )
        }
        """What became of the points that need no training any more."""

    def check(self, points: Sequence[Point]) -> None:
        """Looks, without writing, whether the points may be stored here.

        Raises:
            UserError: The place cannot be written, or holds something else.
        """
        search = self._search
        named = [self.named(point) for point in points]
        self.store.check(
            search.study_of(named)
            if named
            else search.study.model_copy(update={"name": search.name, "seeds": search.seeds})
        )
        for launch in self._launches:
            if (launch.architectures, launch.seeds) != (search.study.architectures, search.seeds):
                raise UserError(
                    f"{self.store.location} holds a search over {', '.join(launch.architectures)} "
                    f"with the seeds {describe_seeds(launch.seeds)}; points of other architectures "
                    "or seeds do not compare with its. Choose another folder with --output, or "
                    "take --fresh."
                )

    def prepare(self, points: Sequence[Point]) -> None:
        """Notes points as launched, as far as they are not."""
        if new := [point for point in points if point.recipe not in self._names]:
            self.store.prepare(self._search.study_of(new))
            self._names |= {point.recipe: point.name for point in new}

    def write(
        self, point: Point, reports: Sequence[tuple[int, float]], outcomes: Sequence[Outcome]
    ) -> PointOutcome:
        """Stores what became of a point: its runs first, and last what makes it count."""
        self.store.write(pack(self._search.name, outcomes))
        failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
        ended = PointOutcome(
            name=self.named(point).name,
            recipe=point.recipe,
            state="failed" if failed else _state(outcomes),
            reports=tuple(reports),
            error=failed[0].error if failed else None,
        )
        self.store.location.make_folders((POINTS,))
        file = f"{point.recipe.hash}.json"
        self.store.location.write(POINTS, file, _JSON.dump_json(ended, indent=1))
        return ended

    def named(self, point: Point) -> Point:
        """The point under the name that its recipe has here already."""
        return replace(point, name=self._names.get(point.recipe, point.name))


def _state(outcomes: Sequence[Outcome]) -> State:
    if not outcomes:
        return "stopped"
    results = [outcome.result for outcome in outcomes if isinstance(outcome, Finished)]
    return "finished" if all(r.diverged_epoch is None for r in results) else "diverged"
