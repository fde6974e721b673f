"""What a search tells and its folder says: its points, the best by validation accuracy first."""

from dataclasses import dataclass
from typing import ClassVar, get_args

from typing_extensions import override

from mnistcmp.cluster.events import Event
from mnistcmp.results.store import ResultsStore
from mnistcmp.statistics import Difference, Summary, paired_difference, summarise
from mnistcmp.study.recipe import Recipe
from mnistcmp.tune.folder import PointOutcome, State, read_points

COLUMNS = ("architecture", "seed", "recipe_hash", "validation_accuracy")


@dataclass(frozen=True, kw_only=True, slots=True)
class PointRow:
    """A point of a search; accuracies in % of the validation pairs."""

    point: str
    """Its name."""
    recipe: Recipe
    state: State
    epochs: int
    """Each run was trained for, all rounds together."""
    score: float
    """Mean over architectures and seeds of each run's best epoch, as far as it was trained."""
    accuracy: Summary | None
    """Over the seeds of which all runs have finished, of the mean over architectures at each; None
    where there are none, and of a point that diverged or failed."""
    difference: Difference | None
    """Less the best point, seed by seed; None for the best itself, and as above."""
    error: str | None = None
    """Why it failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchReport:
    """All that is shown of a search."""

    study: str
    architectures: tuple[str, ...]
    seeds: tuple[int, ...]
    fields: tuple[str, ...]
    """Those in which the points differ."""
    rows: tuple[PointRow, ...]
    """Finished ones first, the best first; then those that diverged, were stopped, or failed, the
    longest trained first."""
    missing: tuple[str, ...]
    """Names of points that were begun, or are to be, and have not ended."""

    @property
    def best(self) -> PointRow | None:
        """Of the highest mean validation accuracy, the first launched on ties; None without any."""
        return self.rows[0] if self.rows and self.rows[0].state == "finished" else None


def build_search_report(store: ResultsStore) -> SearchReport:
    """Reads the folder of a search.

    Raises:
        UserError: It is none, or cannot be read.
    """
    store.check_exists()
    combined = store.combined()
    recipes = {c.recipe: c.recipe_name for c in combined.conditions}
    architectures = tuple(dict.fromkeys(c.architecture for c in combined.conditions))
    seeds = tuple(sorted({seed for launch in store.launches() for seed in launch.seeds}))
    points = read_points(store)
    accuracies = _accuracies(store, len(architectures))
    ended = {
        recipe: point
        for recipe in recipes
        if (point := points.get(recipe))
        and (
            point.state in {"diverged", "stopped", "failed"}
            or (
                point.state == "finished"
                and len(accuracies.get(recipe.hash, {})) == len(point.seeds)
            )
        )
    }
    return SearchReport(
        study=combined.study,
        architectures=architectures,
        seeds=seeds,
        fields=tuple(
            field
            for field in Recipe.model_fields
            if len({str(getattr(recipe, field)) for recipe in recipes}) > 1
        ),
        rows=_rows(recipes, ended, accuracies),
        missing=tuple(name for recipe, name in recipes.items() if recipe not in ended),
    )


def _accuracies(store: ResultsStore, architectures: int) -> dict[str, dict[int, float]]:
    """Recipe hash to accuracies in %, by seed, of the seeds that all architectures have."""
    runs = store.read("runs", COLUMNS, dictionaries=True).to_pandas()
    found = {}
    for recipe_hash, group in runs.groupby("recipe_hash", observed=True):
        of_seed = group.groupby("seed")["validation_accuracy"].agg(["mean", "size"]).sort_index()
        means = 100 * of_seed.loc[of_seed["size"] == architectures, "mean"]
        found[str(recipe_hash)] = {int(seed): float(mean) for seed, mean in means.items()}
    return found


def _rows(
    names: dict[Recipe, str],
    ended: dict[Recipe, PointOutcome],
    accuracies: dict[str, dict[int, float]],
) -> tuple[PointRow, ...]:
    summaries = {
        recipe: summarise([*of_seed.values()])
        for recipe, point in ended.items()
        if point.state in {"finished", "stopped"} and (of_seed := accuracies.get(recipe.hash))
    }
    finished = [recipe for recipe in summaries if ended[recipe].state == "finished"]
    best = max(finished, key=lambda recipe: summaries[recipe].mean, default=None)
    rows = []
    for recipe, point in ended.items():
        summary = summaries.get(recipe)
        difference = None
        if summary is not None and best is not None and recipe != best:
            of_seed, of_best = accuracies[recipe.hash], accuracies[best.hash]
            difference = paired_difference([*of_seed.values()], [of_best[s] for s in of_seed])
        row = PointRow(
            point=names[recipe],
            recipe=recipe,
            state=point.state,
            epochs=point.epochs,
            score=100 * point.score if summary is None else summary.mean,
            accuracy=summary,
            difference=difference,
            error=point.error,
        )
        rows.append(row)
    order = list(get_args(State))

    def rank(row: PointRow) -> tuple[float, ...]:
        seeds = 0 if row.accuracy is None else row.accuracy.n
        trained = 0 if row.state == "finished" else seeds * row.epochs or row.epochs
        return order.index(row.state), -trained, -row.score

    return tuple(sorted(rows, key=rank))


@dataclass(frozen=True, kw_only=True, slots=True)
class PointEnded(Event):
    """A point came to its end, was stopped, or failed."""

    kind: ClassVar[str] = "point-ended"
    point: PointOutcome
    done: int
    """Points that have ended in this search, those that were there already included."""
    total: int
    elapsed: float
    """Seconds since the search began."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchReported(Event):
    """The end of a search: what the output holds now."""

    kind: ClassVar[str] = "search-reported"
    is_last: ClassVar[bool] = True
    output: str
    """As whoever trains names it."""
    report: SearchReport
    stopped: str | None = None
    """Why no more was trained, where that was before the end."""
    again: str | None = None
    """What was trained again and why, where workers were lost."""

    @property
    @override
    def has_failures(self) -> bool:
        return any(row.state == "failed" for row in self.report.rows)
