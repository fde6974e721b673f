"""A search: which recipes are tried, on which architectures and seeds."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError

from mnistcmp.errors import UserError
from mnistcmp.study.file import build_study
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import RecipeName, Study
from mnistcmp.tune.space import Choice, Dimension, in_short, parse_grid, parse_range

Method = Literal["grid", "random", "bayes"]

DEFAULT_GRID = "learning_rate=0.0005,0.001,0.005,0.0075,0.01,0.05"
"""The report's."""
DEFAULT_RANGE = "learning_rate=0.0005:0.05"
DEFAULT_SEEDS = (0, 1, 2)
DEFAULT_SAMPLES = 16
MOST_POINTS = 10_000
MOST_DRAWS = 1000
"""Draws for one point: a space may have values that no recipe can take together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A recipe that is tried."""

    name: str
    """Made of the searched fields: `lr 0.005`."""
    recipe: Recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What is tried, and how the next point is found."""

    base: Study
    """Architectures, seeds, and the recipe that the points change."""
    launch_seeds: tuple[int, ...]
    """Of the study that tests the chosen recipe."""
    dimensions: tuple[Dimension, ...]
    method: Method
    samples: int
    """Points of a random or Bayesian search."""
    seed: int
    """Of the points that are drawn."""
    stops_early: bool = False
    """Whether points that fall behind are stopped (ASHA)."""

    @property
    def name(self) -> str:
        """Of the search's study, and of its folder."""
        return f"tune-{self.base.name}"[:80]

    @property
    def epochs(self) -> int:
        """The most that a point may be trained for, all rounds together."""
        given = {d.field: d for d in self.dimensions}
        most = {
            field: max(of.values) if isinstance(of, Choice) else of.high
            for field in ("epochs", "rounds")
            if (of := given.get(field))
        }
        recipe = self.base.recipe
        return int(most.get("epochs", recipe.epochs) * most.get("rounds", recipe.rounds))

    def points(self) -> tuple[Point, ...]:
        """The points of a grid or of a random search, the same ones each time.

        A Bayesian search has none yet: they depend on the scores of those before.

        Raises:
            UserError: A point is no valid recipe, or there are not as many as are asked for.
        """
        if self.method == "bayes":
            return ()
        if self.method == "random":
            return self._drawn()
        values = [d.values for d in self.dimensions if isinstance(d, Choice)]
        fields = [dimension.field for dimension in self.dimensions]
        return tuple(
            self.point(dict(zip(fields, of_point, strict=True)))
            for of_point in itertools.product(*values)
        )

    def _drawn(self) -> tuple[Point, ...]:
        generator = np.random.default_rng(self.seed)
        points: dict[Recipe, Point] = {}
        for _ in range(MOST_DRAWS * self.samples):
            drawn = self.valid_point({d.field: d.draw(generator) for d in self.dimensions})
            if drawn is not None:
                points.setdefault(drawn.recipe, drawn)
            if len(points) == self.samples:
                return tuple(points.values())
        raise UserError(
            f"--samples {self.samples}: only {len(points)} different valid recipes were found. "
            "Take fewer samples, or a wider range."
        )

    def point(self, fields: Mapping[str, Any]) -> Point:
        """The point at these values of the searched fields.

        Raises:
            UserError: They make no valid recipe.
        """
        content = {"name": self.name, "recipe": self.base.recipe.changes() | dict(fields)}
        recipe = build_study(content).recipe
        return Point(name=_name(fields) or recipe.hash, recipe=recipe)

    def valid_point(self, fields: Mapping[str, Any]) -> Point | None:
        """The same; None where they make no valid recipe."""
        try:
            return self.point(fields)
        except UserError:
            return None

    def study(self, points: Iterable[Point]) -> Study:
        """The study of some points.

        Raises:
            UserError: Two points are one recipe.
        """
        return build_study(
            {
                "name": self.name,
                "question": "Which recipe has the best validation accuracy?",
                "architectures": list(self.base.architectures),
                "seeds": self.base.seeds,
                "sources": dict(self.base.sources),
                "recipes": {point.name: point.recipe.changes() for point in points},
            }
        )


def plan_search(
    base: Study,
    *,
    launch_seeds: tuple[int, ...] | None = None,
    grids: Sequence[str] = (),
    ranges: Sequence[str] = (),
    method: Method = "grid",
    samples: int | None = None,
    seed: int = 0,
    stops_early: bool = False,
) -> Search:
    """The search that options ask for; without a field, over the report's learning rates.

    Raises:
        UserError: An option is wrong, or does not go with another, or a point is no recipe.
    """
    if len(base.recipes) > 1:
        raise UserError(
            f"the study {base.name} has several recipes; a search starts from one. Give it a "
            "[recipe], and the values to try as --grid."
        )
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
    fields = [dimension.field for dimension in dimensions]
    if twice := next((f for n, f in enumerate(fields) if f in fields[:n]), None):
        raise UserError(f"{twice} is searched twice. Give its values, or its range, once.")
    search = Search(
        base=base,
        launch_seeds=base.seeds if launch_seeds is None else launch_seeds,
        dimensions=tuple(dimensions),
        method=method,
        samples=DEFAULT_SAMPLES if samples is None else samples,
        seed=seed,
        stops_early=stops_early,
    )
    _check(search)
    return search


def _check(search: Search) -> None:
    if search.method != "grid":
        # Values that make no recipe together are passed over later; one wrong by itself is told.
        for dimension in search.dimensions:
            for value in dimension.values if isinstance(dimension, Choice) else dimension.ends:
                search.point({dimension.field: value})
    size = math.prod(dimension.size for dimension in search.dimensions)
    wanted = size if search.method == "grid" else search.samples
    if wanted < 2:  # noqa: PLR2004 - one point is no search
        raise UserError(
            "a search compares at least two points, and this one has one. Give more values, or "
            "train it: mnistcmp launch."
        )
    if wanted > MOST_POINTS:
        raise UserError(f"the search has {wanted:,} points. Allowed: at most {MOST_POINTS:,}.")
    if wanted > size:
        raise UserError(
            f"--samples {search.samples}: the space has only {int(size)} points. Take fewer, "
            "or --search grid."
        )
    if points := search.points():
        search.study(points)


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
