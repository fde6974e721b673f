"""The results folder of a search: what is in it already, and what is added. Imports no Ray.

Beside what a launch stores, it has `search.json`, the search as it was asked for last,
`points/<recipe's hash>.json`, what became of each point, and `best.toml`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from mnistcmp.cluster.events import Count
from mnistcmp.errors import UserError
from mnistcmp.results.store import SEARCH, ResultsStore
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.seeds import describe_seeds
from mnistcmp.study.study import RecipeName, Run
from mnistcmp.tune.rules import Scores, Step
from mnistcmp.tune.search import Point, Search

POINTS = "points"
BEST = "best.toml"
"""The chosen recipe as a study file."""

State = Literal["finished", "diverged", "stopped", "failed", "open"]
"""`stopped`: it fell behind and was not trained to its end. `diverged`: the loss of one of its runs
was no longer finite, so that it is never chosen. `open`: it is on its way."""

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True, slots=True)
class PointOutcome:
    """What became of a point."""

    name: RecipeName
    """As the study files in `launches` name its recipe."""
    recipe: Recipe
    state: State
    seeds: tuple[Count, ...]
    """That it was trained with, by each architecture."""
    epochs: Count
    """That each run was trained for, all rounds together; 0 of a point that failed."""
    score: Share
    """Mean over architectures and seeds of the best validation accuracy so far, 0 to 1, or of the
    last where the recipe tests the last epoch; a run that diverged counts as 0."""
    rungs: tuple[tuple[Count, Share], ...] = ()
    """Epochs after which it was looked at on its way, and its scores then."""
    error: str | None = None
    """What the first of its runs that failed says."""


_JSON = TypeAdapter(PointOutcome)


def read_points(store: ResultsStore) -> dict[Recipe, PointOutcome]:
    """The points that ended; none where this is no search's folder.

    Raises:
        UserError: A file is not one of a point.
    """
    points = {}
    for file in store.location.list(POINTS, ".json"):
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
        runs = store.read("runs", ["run_id", "validation_accuracy", "diverged_epoch"]).to_pylist()
        self._scores: dict[str, float | None] = {
            row["run_id"]: row["validation_accuracy"] if row["diverged_epoch"] is None else None
            for row in runs
        }
        """Of finished runs, by id; None of one that diverged."""
        self.points = read_points(store)
        """What became of points."""

    @property
    def settled(self) -> dict[Recipe, PointOutcome]:
        """The points of which a search like this one trains nothing more, as far as is known."""
        stops = {"stopped", "diverged"} if self._search.rule != "none" else set[State]()
        return {
            recipe: point
            for recipe, point in self.points.items()
            if point.state in stops
            or (point.state in {"finished", "diverged"} and self.is_whole(recipe))
        }

    def is_whole(self, recipe: Recipe) -> bool:
        """Whether all runs of a point have finished."""
        return all(run.run_id in self._scores for run in self._search.runs(recipe))

    def has_diverged(self, recipe: Recipe) -> bool:
        """Whether a run of a point has, as far as they have finished."""
        runs = self._search.runs(recipe)
        return any(self._scores.get(run.run_id, 0.0) is None for run in runs)

    def check(self, points: Sequence[Point]) -> None:
        """Looks, without writing, whether the points may be stored here.

        Raises:
            UserError: The place cannot be written, or holds something else.
        """
        search = self._search
        named = [self.named(point) for point in points]
        study = search.study.model_copy(update={"name": search.name, "seeds": search.seeds})
        self.store.check(search.study_of(named) if named else study, search=True)
        for launch in self._launches:
            if (launch.architectures, launch.seeds) != (search.study.architectures, search.seeds):
                raise UserError(
                    f"{self.store.location} holds a search over {', '.join(launch.architectures)} "
                    f"with the seeds {describe_seeds(launch.seeds)}; points of other architectures "
                    "or seeds do not compare with its. Choose another folder with --output, or "
                    "take --fresh."
                )

    def prepare(self, points: Sequence[Point]) -> None:
        """Notes the search, and points as launched, as far as they are not."""
        if new := [point for point in points if point.recipe not in self._names]:
            self.store.prepare(self._search.study_of(new))
            self._names |= {point.recipe: point.name for point in new}
        asked = self._search.model_copy(update={"output": None, "fresh": False})
        self.store.location.write("", SEARCH, asked.to_json().encode())
        self.store.location.make_folders((POINTS,))

    def missing(self, points: Iterable[Point], step: Step) -> list[Run]:
        """The runs that a step needs and that are not there."""
        return [
            run
            for point in points
            if self._is_judged(point.recipe, step) and step.until not in self._rungs(point.recipe)
            for run in self._search.runs(point.recipe, step.seeds)
            if run.run_id not in self._scores
        ]

    def note(self, run: Run, accuracy: float | None) -> None:
        """Takes down the validation accuracy of a run that has finished; None if it diverged."""
        self._scores[run.run_id] = accuracy

    def scores(
        self, points: Iterable[Point], step: Step, left_with: Mapping[Run, float]
    ) -> dict[Recipe, Scores]:
        """The scores after a step, which has trained what it needs, of the points that have them.

        Args:
            points: Those that went through it.
            step: The step.
            left_with: The scores of the runs that it trained and left.
        """
        found: dict[Recipe, Scores] = {}
        for recipe in (p.recipe for p in points if self._is_judged(p.recipe, step)):
            if (stored := self._rungs(recipe).get(step.until)) is not None:
                found[recipe] = dict.fromkeys(step.seeds, stored)
                continue
            of_run = {
                run: left_with[run] if step.until else self._scores[run.run_id] or 0.0
                for run in self._search.runs(recipe, step.seeds)
            }
            found[recipe] = {
                seed: fmean(score for run, score in of_run.items() if run.seed == seed)
                for seed in step.seeds
            }
        return found

    def _rungs(self, recipe: Recipe) -> dict[int | None, float]:
        """A point's scores on its way, by the epochs after which; whichever rule asked for them."""
        return dict(self.points[recipe].rungs) if recipe in self.points else {}

    def _is_judged(self, recipe: Recipe, step: Step) -> bool:
        """Whether a point's score after a step can be told.

        Runs that have finished without being looked at on their way are not trained again for it.
        """
        if step.until is None or step.until in self._rungs(recipe):
            return True
        has_finished = any(run.run_id in self._scores for run in self._search.runs(recipe))
        return not has_finished and step.until < recipe.all_epochs

    def write(
        self, point: Point, state: State, step: Step, score: float, error: str | None = None
    ) -> PointOutcome:
        """Stores what became of a point in a step, after its runs."""
        whole = point.recipe.all_epochs
        rungs = self._rungs(point.recipe) | ({step.until: score} if step.until else {})
        now = PointOutcome(
            name=self.named(point).name,
            recipe=point.recipe,
            state=state,
            seeds=step.seeds,
            epochs=0 if error else step.until or whole,
            score=score,
            rungs=tuple((at, of) for at, of in rungs.items() if at),
            error=error,
        )
        if now != self.points.get(point.recipe):
            self.points[point.recipe] = now
            file = f"{point.recipe.hash}.json"
            self.store.location.write(POINTS, file, _JSON.dump_json(now, indent=1))
        return now

    def named(self, point: Point) -> Point:
        """The point under the name that its recipe has here already."""
        return replace(point, name=self._names.get(point.recipe, point.name))
