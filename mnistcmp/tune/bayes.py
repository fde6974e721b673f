"""Points that Optuna's TPE finds, through Ray Tune's own searcher for it."""

import logging
from collections.abc import Callable
from typing import Any

from optuna.samplers import TPESampler
from ray import tune
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch
from typing_extensions import override

from mnistcmp.errors import UserError
from mnistcmp.results.trials import Trial
from mnistcmp.study.recipe import Recipe
from mnistcmp.tune.search import MOST_DRAWS, Point, Search
from mnistcmp.tune.space import Choice, Dimension
from mnistcmp.tune.trial import SCORE

BATCH = 4
"""Points that are suggested before the search hears of the scores of any of them. Always as many,
and told in their order, so that neither the number of workers nor their speed changes a point."""

_AHEAD = "ahead"
"""In place of a trial's name, before there is one."""

STARTUP = 8
"""Points drawn at random at the start, of which TPE then learns."""


class BayesSearch(Searcher):
    """As many points as are asked for, each a valid recipe and unlike those before.

    Points that were trained before come again when their turn does, and are told their score at
    once. With `replays`, where trials are compared while they run, they are trials too.
    """

    def __init__(
        self,
        search: Search,
        settled: Callable[[Point], Trial | None],
        configure: Callable[[Point], dict[str, Any]],
        *,
        replays: bool,
    ) -> None:
        super().__init__(metric=SCORE, mode="max")
        logging.getLogger("optuna").setLevel(logging.WARNING)
        self._search, self._settled, self._configure = search, settled, configure
        self._replays = replays
        space = {dimension.field: _domain(dimension) for dimension in search.dimensions}
        self._optuna = OptunaSearch(
            space=OptunaSearch.convert_search_space(space),
            metric=SCORE,
            mode="max",
            sampler=TPESampler(seed=search.seed, n_startup_trials=STARTUP),
        )
        self.known = 0
        """Points that were trained before, as far as the search has come."""
        self._points: dict[Recipe, Point] = {}
        self._asked = 0
        self._batch: dict[str, float | None] = {}
        """Numbers of suggestions to scores; None where they are not known yet."""
        self._numbers: dict[str, str] = {}
        """Tune's trials to numbers of suggestions."""
        self._ahead: Any = None

    def has_untrained(self) -> bool:
        """Whether there is a point whose score is not known."""
        ahead = self.suggest(_AHEAD)
        self._ahead = None if ahead == Searcher.FINISHED else ahead
        return self._ahead is not None

    @override
    def suggest(self, trial_id: str) -> Any:
        """A trial's configuration; None where Tune has to wait for others, FINISHED at the end."""
        if self._ahead is not None:
            ahead, self._ahead = self._ahead, None
            self._numbers[trial_id] = self._numbers.pop(_AHEAD)
            return ahead
        while len(self._points) < self._search.samples:
            if len(self._batch) == BATCH:
                if None in self._batch.values():
                    return None
                self._tell()
            number, point = self._next()
            self._points[point.recipe] = point
            known = self._settled(point)
            self.known += known is not None
            if known is None or self._replays:
                self._batch[number] = None
                self._numbers[trial_id] = number
                return self._configure(point)
            self._batch[number] = known.score
        return Searcher.FINISHED

    def _next(self) -> tuple[str, Point]:
        for _ in range(MOST_DRAWS):
            number = str(self._asked)
            self._asked += 1
            suggested = self._optuna.suggest(number) or {}
            point = self._search.valid_point(
                {d.field: _value(d, suggested[d.field]) for d in self._search.dimensions}
            )
            if point is not None and point.recipe not in self._points:
                return number, point
            self._optuna.on_trial_complete(number, error=True)
        raise UserError(
            f"--samples {self._search.samples}: after {len(self._points)} points no other valid "
            "recipe was found. Take fewer samples, or a wider range."
        )

    def _tell(self) -> None:
        for number, score in self._batch.items():
            self._optuna.on_trial_complete(number, {SCORE: score})
        self._batch.clear()

    @override
    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tune says how a trial ended; one that was lost counts as the worst."""
        self._batch[self._numbers.pop(trial_id)] = (
            result[SCORE] if result is not None and not error else 0.0
        )

    @override
    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """What a trial reports before its end is for schedulers."""

    @override
    def save(self, checkpoint_path: str) -> None:
        """Nothing: a search is taken up again from its stored results."""

    @override
    def restore(self, checkpoint_path: str) -> None:
        """Nothing, likewise."""


def _domain(dimension: Dimension) -> Any:  # noqa: ANN401 - Tune's, which have no common type
    if isinstance(dimension, Choice):
        return tune.choice(list(range(len(dimension.values))))
    low, high = dimension.ends
    if not dimension.is_whole:
        return tune.loguniform(low, high) if dimension.is_log else tune.uniform(low, high)
    # Tune leaves the upper end of whole numbers out.
    low, high = int(low), int(high) + 1
    return tune.lograndint(low, high) if dimension.is_log else tune.randint(low, high)


def _value(dimension: Dimension, suggested: float) -> Any:  # noqa: ANN401 - any field's
    if isinstance(dimension, Choice):
        return dimension.values[int(suggested)]
    return dimension.take(suggested)
