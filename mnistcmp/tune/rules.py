"""Which points of a search go on: after so many seeds, or so many epochs, of all of them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count, takewhile
from statistics import fmean
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from mnistcmp.study.recipe import Recipe
from mnistcmp.tune.search import Search, looks

REDUCTION = 3
"""ASHA keeps about the best one of so many points at each rung, and trains it so many times as
long to the next."""
LEVEL = 0.05
"""One-sided, of the test by which a race drops a point at each look."""

Scores = Mapping[int, float]
"""Of a point, by seed: the mean over architectures, 0 to 1."""
Table: TypeAlias = NDArray[np.float64]
"""(points, seeds)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """How far the points that are left are trained before it is looked which go on."""

    seeds: tuple[int, ...]
    until: int | None = None
    """Epochs, of all rounds; None for all that there are."""


class Rule(ABC):
    """Decides from scores alone, in the order of the points: neither time nor workers matter."""

    def __init__(self, search: Search) -> None:
        self.steps = self._steps(search)
        """The last one ends a point."""

    @abstractmethod
    def _steps(self, search: Search) -> tuple[Step, ...]:
        """The steps of each batch of points."""

    @abstractmethod
    def stopped(self, step: Step, points: Mapping[Recipe, Scores]) -> set[Recipe]:
        """The points that are to go no further; those of batches before are among them too."""


class Whole(Rule):
    """Every point is trained to its end."""

    @override
    def _steps(self, search: Search) -> tuple[Step, ...]:
        return (Step(seeds=search.seeds),)

    @override
    def stopped(self, step: Step, points: Mapping[Recipe, Scores]) -> set[Recipe]:
        return set()


class Race(Rule):
    """Seeds are added a few at a time; a point that is clearly worse than the best gets no more.

    Args:
        search: What is searched.
        worse: Which of several points, (points, seeds), are worse than the best.
    """

    def __init__(
        self, search: Search, worse: Callable[[Table], NDArray[np.bool_]] | None = None
    ) -> None:
        super().__init__(search)
        self._worse = worse or clearly_worse

    @override
    def _steps(self, search: Search) -> tuple[Step, ...]:
        return tuple(Step(seeds=search.seeds[:n]) for n in looks(len(search.seeds)))

    @override
    def stopped(self, step: Step, points: Mapping[Recipe, Scores]) -> set[Recipe]:
        table = np.array([[of[seed] for seed in step.seeds] for of in points.values()])
        worse = self._worse(table)
        return {recipe for recipe, is_worse in zip(points, worse, strict=True) if is_worse}


def clearly_worse(scores: Table, level: float = LEVEL) -> NDArray[np.bool_]:
    """Which of several points, (points, seeds), are worse than the one with the best mean.

    By the paired t test, one-sided; where all differences are equal, by their sign.
    """
    from scipy import stats  # noqa: PLC0415 - half a second

    less = scores - scores[scores.mean(axis=1).argmax()]
    n = less.shape[1]
    error = less.std(axis=1, ddof=1) / n**0.5
    # Rounding makes a spread of equal differences of accuracies, which is none.
    bound = np.where(error > 1e-9, stats.t.isf(level, n - 1) * error, 0)  # noqa: PLR2004 - as said
    worse: NDArray[np.bool_] = less.mean(axis=1) + bound < 0
    return worse


class Asha(Rule):
    """Ray Tune's ASHA after a ninth and a third of the epochs, told of all points of a batch."""

    def __init__(self, search: Search) -> None:
        super().__init__(search)
        from ray.tune.schedulers import ASHAScheduler  # noqa: PLC0415 - takes a second

        self._asha = ASHAScheduler(
            time_attr="epochs",
            metric="score",
            mode="max",
            max_t=search.epochs,
            grace_period=self.steps[0].until or 1,
            reduction_factor=REDUCTION,
        )

    @override
    def _steps(self, search: Search) -> tuple[Step, ...]:
        first = math.ceil(search.epochs / REDUCTION**2)
        rungs = takewhile(lambda at: at < search.epochs, (first * REDUCTION**k for k in count()))
        return (
            *(Step(seeds=search.seeds, until=rung) for rung in rungs),
            Step(seeds=search.seeds),
        )

    @override
    def stopped(self, step: Step, points: Mapping[Recipe, Scores]) -> set[Recipe]:
        means = {recipe: fmean(of.values()) for recipe, of in points.items()}
        # It compares with what it was told before: so it is told of all, and then asked, the best
        # first, which would else be stopped or not by who came first.
        for score in means.values():
            self._stops(step, score)
        best_first = sorted(means, key=lambda recipe: -means[recipe])
        return {recipe for recipe in best_first if self._stops(step, means[recipe])}

    def _stops(self, step: Step, score: float) -> bool:
        from ray.tune.experiment import Trial  # noqa: PLC0415 - as above

        # It looks at the trial alone.
        controller: Any = None
        trial = Trial("point", stub=True)
        self._asha.on_trial_add(controller, trial)
        told = {"epochs": step.until, "score": score}
        return bool(self._asha.on_trial_result(controller, trial, told) == self._asha.STOP)


RULES: dict[str, type[Rule]] = {"none": Whole, "asha": Asha, "race": Race}
