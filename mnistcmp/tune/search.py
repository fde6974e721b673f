"""A search: which recipes are tried, on which architectures and seeds, and where that is kept."""

import itertools
import math
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter, ValidationError
from typing_extensions import override

from mnistcmp.cluster.events import Event
from mnistcmp.cluster.work import Work
from mnistcmp.errors import UserError
from mnistcmp.study.file import build_study
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import RecipeName, Run, Seeds, Study
from mnistcmp.tune.space import Dimension, Range, in_short, parse_grid, parse_range

if TYPE_CHECKING:
    from mnistcmp.cluster.places import RayPlace

Method = Literal["grid", "random", "bayes"]

DEFAULT_GRID = "learning_rate=0.0005,0.001,0.005,0.0075,0.01,0.05"
"""The report's."""
DEFAULT_RANGE = "learning_rate=0.0005:0.05"
DEFAULT_SEEDS = (0, 1, 2)
DEFAULT_SAMPLES = 16
MOST_POINTS = 10_000
FIRST_LOOK = 3
"""Seeds after which a race drops points for the first time."""
DEFAULT_RACE = 10
"""Seeds of a race."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A recipe that is tried."""

    name: str
    """Made of the searched fields: `lr 0.005`."""
    recipe: Recipe


class Search(Work):
    """Tries recipes that change the study's, and leaves the best one as a study file."""

    kind: Literal["search"] = "search"
    seeds: Seeds
    """What each point is trained with; the study's own are for the test of the chosen recipe."""
    dimensions: tuple[Dimension, ...]
    method: Method = "grid"
    samples: int = DEFAULT_SAMPLES
    """Points of a random or Bayesian search."""
    seed: int = 0
    """Determines the points that are drawn."""
    rule: Literal["none", "asha", "race"] = "none"
    """How points are stopped that fall behind."""

    @property
    @override
    def name(self) -> str:
        return f"tune-{self.study.name}"[:80]

    @override
    def drive(self, place: "RayPlace", output: str) -> Generator[Event, None, None]:
        from mnistcmp.tune.driver import drive_search  # noqa: PLC0415 - imports Ray and torch

        check_search(self)
        return drive_search(self, place, output)

    @property
    def size(self) -> int:
        """How many points are tried."""
        if self.method != "grid":
            return self.samples
        return math.prod(len(dimension.values) for dimension in self.dimensions)

    @property
    def epochs(self) -> int:
        """The most that a point may be trained for, all rounds together."""
        most = {dimension.field: dimension.values for dimension in self.dimensions}
        recipe = self.study.recipe
        epochs, rounds = most.get("epochs", [recipe.epochs]), most.get("rounds", [recipe.rounds])
        return int(max(epochs) * max(rounds))

    def points(self) -> tuple[Point, ...]:
        """The points of a grid or of a random search, the same ones each time.

        A Bayesian search has none yet: they depend on the scores of those before.

        Raises:
            UserError: A point is no valid recipe, or there are not as many as are asked for.
        """
        if self.method == "grid":
            combinations = itertools.product(*(d.values for d in self.dimensions))
            fields = [dimension.field for dimension in self.dimensions]
            return tuple(self.point(dict(zip(fields, v, strict=True))) for v in combinations)
        if self.method == "bayes":
            return ()
        from mnistcmp.tune.suggest import suggested_points  # noqa: PLC0415 - imports Optuna

        return tuple(filter(None, suggested_points(self, {})))

    def point(self, fields: Mapping[str, Any]) -> Point:
        """The point at these values of the searched fields.

        Raises:
            UserError: They make no valid recipe.
        """
        changed = self.study.recipe.changes() | dict(fields)
        recipe = build_study({"name": self.study.name, "recipe": changed}).recipe
        return Point(name=_name(fields) or recipe.hash, recipe=recipe)

    def valid_point(self, fields: Mapping[str, Any]) -> Point | None:
        """The same; None where they make no valid recipe."""
        try:
            return self.point(fields)
        except UserError:
            return None

    def runs(self, recipe: Recipe, seeds: Iterable[int] | None = None) -> list[Run]:
        """A point's runs, or those of some seeds."""
        return [
            Run(architecture=name, seed=seed, recipe=recipe)
            for name in self.study.architectures
            for seed in seeds or self.seeds
        ]

    def study_of(self, points: Iterable[Point]) -> Study:
        """The study of some points, as a launch of them would have it.

        Raises:
            UserError: Two points are one recipe.
        """
        return build_study(
            {
                "name": self.name,
                "question": "Which recipe has the best validation accuracy?",
                "architectures": list(self.study.architectures),
                "seeds": self.seeds,
                "sources": dict(self.study.sources),
                "recipes": {point.name: point.recipe.changes() for point in points},
            }
        )

    def test_of(self, recipe: Recipe) -> Study:
        """The study that says how well a chosen recipe does on test pairs."""
        return Study(
            name=f"tuned-{self.study.name}"[:80],
            question="How well does the recipe do that validation accuracy chose?",
            architectures=self.study.architectures,
            seeds=self.study.seeds,
            sources=self.study.sources,
            recipe=recipe,
        )


def looks(seeds: int) -> tuple[int, ...]:
    """After how many of so many seeds a race is looked at: after three, five, eight, ..."""
    found = [FIRST_LOOK]
    while (following := math.ceil(found[-1] * 1.5)) < seeds:
        found.append(following)
    return (*found, seeds)


def plan_search(
    study: Study,
    *,
    seeds: tuple[int, ...] | None = None,
    grids: Sequence[str] = (),
    ranges: Sequence[str] = (),
    method: Method = "grid",
    samples: int | None = None,
    **options: Any,  # noqa: ANN401 - as `Search` has them
) -> Search:
    """The search that options ask for; without a field, over the report's learning rates.

    Raises:
        UserError: An option is wrong, or does not go with another, or a point is no recipe.
    """
    if method == "grid" and ranges:
        raise UserError(
            "--range goes with --search random or bayes. For a grid, list the values: "
            "--grid FIELD=VALUE,VALUE."
        )
    if method == "grid" and samples is not None:
        raise UserError("--samples goes with --search random or bayes: a grid has its points.")
    if not grids and not ranges:
        grids, ranges = ([DEFAULT_GRID], []) if method == "grid" else ([], [DEFAULT_RANGE])
    dimensions: list[Dimension] = [choice for text in grids for choice in parse_grid(text)]
    dimensions += [parse_range(text) for text in ranges]
    search = Search(
        study=study,
        seeds=study.seeds if seeds is None else seeds,
        dimensions=tuple(dimensions),
        method=method,
        samples=DEFAULT_SAMPLES if samples is None else samples,
        **options,
    )
    check_search(search)
    return search


def check_search(search: Search) -> None:
    """Looks whether a search can be done; a request may have been written by hand.

    Raises:
        UserError: It cannot.
    """
    if len(search.study.recipes) > 1:
        raise UserError(
            f"the study {search.study.name} has several recipes; a search starts from one. Give it "
            "a [recipe], and the values to try as --grid."
        )
    if search.rule == "asha" and sys.flags.optimize > 1:
        raise UserError(
            "Ray Tune does not work without docstrings. Take --asha without PYTHONOPTIMIZE=2 and "
            "-OO."
        )
    if search.rule == "race" and len(search.seeds) <= FIRST_LOOK:
        raise UserError(
            f"--race adds seeds after the first {FIRST_LOOK}, and there are {len(search.seeds)}. "
            f"Give more: --seeds {DEFAULT_RACE}."
        )
    _check_space(search)
    if points := search.points():
        search.study_of(points)


def _check_space(search: Search) -> None:
    fields = [dimension.field for dimension in search.dimensions]
    if twice := next((f for n, f in enumerate(fields) if f in fields[:n]), None):
        raise UserError(f"{twice} is searched twice. Give its values, or its range, once.")
    for dimension in search.dimensions:
        if isinstance(dimension, Range) and not dimension.low < dimension.high:
            raise UserError(f"{dimension.field}: {dimension.low} is not below {dimension.high}.")
    if search.method != "grid":
        # Values that make no recipe together are passed over later; one wrong by itself is told.
        for dimension in search.dimensions:
            for value in dimension.values:
                search.point({dimension.field: value})
    if search.size < 2:  # noqa: PLR2004 - one point is no search
        raise UserError(
            "a search compares at least two points, and this one has one. Give more values, or "
            "train it: mnistcmp launch."
        )
    if search.size > MOST_POINTS:
        raise UserError(f"the search has {search.size:,} points. Allowed: at most {MOST_POINTS:,}.")
    there_are = math.prod(dimension.size for dimension in search.dimensions)
    if search.size > there_are:
        raise UserError(
            f"--samples {search.samples}: the space has only {int(there_are)} points. Take fewer, "
            "or --search grid."
        )


def _name(fields: Mapping[str, Any]) -> str:
    """Fields and values; empty where they do not make the name of a recipe."""
    name = " ".join(f"{in_short(field)} {_in_words(value)}" for field, value in fields.items())
    try:
        return TypeAdapter(RecipeName).validate_python(name)
    except ValidationError:
        return ""


def _in_words(value: Any) -> str:  # noqa: ANN401 - any field's
    if isinstance(value, list):
        return "-".join(map(_in_words, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
