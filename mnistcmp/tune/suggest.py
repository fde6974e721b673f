"""Points that Optuna suggests: at random, or those that its TPE expects most of."""

from collections.abc import Iterator, Mapping
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from mnistcmp.errors import UserError
from mnistcmp.study.recipe import Recipe
from mnistcmp.tune.search import Point, Search
from mnistcmp.tune.space import Choice, Dimension

BATCH = 4
"""Points that are given before the scores of any of them are asked for. Always as many, and told in
their order, so that neither the number of workers nor their speed changes a point."""

MOST_DRAWS = 1000
"""Draws for one point: a space may have values that no recipe can take together."""

STARTUP = 8
"""Points drawn at random at the start, of which TPE then learns."""


def suggested_points(search: Search, scores: Mapping[Recipe, float]) -> Iterator[Point | None]:
    """As many points as are asked for, each a valid recipe and unlike those before.

    Args:
        search: What to look for, and where.
        scores: What is known, and grows meanwhile. At random, nothing depends on it.

    Yields:
        The next point; None where the scores of those before are needed first.

    Raises:
        UserError: There are not as many points.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    is_random = search.method == "random"
    sampler = (
        optuna.samplers.RandomSampler(seed=search.seed)
        if is_random
        else optuna.samplers.TPESampler(seed=search.seed, n_startup_trials=STARTUP)
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    found: set[Recipe] = set()
    while len(found) < search.samples:
        batch = []
        for _ in range(min(BATCH, search.samples - len(found))):
            trial, point = _ask(search, study, found)
            batch.append((trial, point.recipe))
            found.add(point.recipe)
            yield point
        if is_random:
            continue
        while not all(recipe in scores for _, recipe in batch):
            yield None
        for trial, recipe in batch:
            study.tell(trial, scores[recipe])


def _ask(
    search: Search, study: optuna.Study, found: set[Recipe]
) -> tuple[optuna.trial.Trial, Point]:
    space = {dimension.field: _distribution(dimension) for dimension in search.dimensions}
    for _ in range(MOST_DRAWS):
        trial = study.ask(fixed_distributions=space)
        values = {d.field: _value(d, trial.params[d.field]) for d in search.dimensions}
        point = search.valid_point(values)
        if point is not None and point.recipe not in found:
            return trial, point
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    raise UserError(
        f"--samples {search.samples}: only {len(found)} different valid recipes were found. "
        "Take fewer samples, or a wider range."
    )


def _distribution(dimension: Dimension) -> BaseDistribution:
    if isinstance(dimension, Choice):
        return CategoricalDistribution(range(len(dimension.values)))
    low, high, log = dimension.low, dimension.high, dimension.is_log
    if dimension.is_whole:
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(low, high, log=log)


def _value(dimension: Dimension, suggested: Any) -> Any:  # noqa: ANN401 - any field's
    return (
        dimension.values[suggested] if isinstance(dimension, Choice) else dimension.take(suggested)
    )
