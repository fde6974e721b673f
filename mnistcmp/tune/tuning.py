"""Ray Tune: trials of points, and what is done when one ends."""

import logging
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

# Tune reads these when it runs: no files of its own beside what it cannot leave, no handler in the
# way of Ctrl-C, no errors in the terminal that are stored as results.
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")
# The newer output prints its beginning and every error, whatever the verbosity.
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")

from ray import tune
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import Searcher
from ray.util.queue import Empty, Queue
from typing_extensions import override

from mnistcmp.cluster.placement import Pool
from mnistcmp.data.mnist import Mnist
from mnistcmp.results.outcome import Outcome
from mnistcmp.study.recipe import Recipe
from mnistcmp.tune.trial import EPOCH, SCORE, Plan, SearchTrial

REDUCTION = 3
"""ASHA keeps about the best one of so many points at each rung, and trains it so many times as
long to the next."""

RETRIES = 3
"""Of a point whose worker was lost."""


def configuration(recipe: Recipe, replay: Sequence[tuple[int, float]] = ()) -> dict[str, Any]:
    """A trial's, as `SearchTrial` reads it: of plain values, which Tune copies and prints."""
    return {"point": {"recipe": recipe.model_dump_json(), "replay": [list(r) for r in replay]}}


class Watcher(tune.Callback):
    """Follows Tune's trials, and says when a point begins and how it ended.

    `ended` gets the recipe, its reports, its runs' outcomes (none where it was stopped), and the
    error where its worker was lost for good.
    """

    def __init__(
        self,
        outcomes: Queue,
        started: Callable[[Recipe], None],
        ended: Callable[[Recipe, list[tuple[int, float]], list[Outcome], Exception | None], None],
    ) -> None:
        self._outcomes, self._started, self._ended = outcomes, started, ended
        self._reports: dict[str, list[tuple[int, float]]] = {}
        self._arrived: dict[Recipe, list[Outcome]] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles all that it is given, to be restored from; nothing here ever is.
        return {}

    @override
    def on_trial_start(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any
    ) -> None:
        """A worker begins with a point, for the first time or again."""
        self._reports[trial.trial_id] = []
        self._started(_recipe_of(trial))

    @override
    def on_trial_result(
        self,
        iteration: int,
        trials: list[TuneTrial],
        trial: TuneTrial,
        result: dict[str, Any],
        **info: Any,
    ) -> None:
        """A report."""
        self._reports[trial.trial_id].append((result[EPOCH], result[SCORE]))

    @override
    def on_trial_complete(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any
    ) -> None:
        """A point came to its end, or was stopped before."""
        self._end(trial, lost=None)

    @override
    def on_trial_error(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any
    ) -> None:
        """A point's worker was lost for good."""
        self._end(trial, lost=trial.get_error() or RuntimeError("the worker was lost"))

    def _end(self, trial: TuneTrial, *, lost: Exception | None) -> None:
        self._drain()
        recipe = _recipe_of(trial)
        reports = self._reports.pop(trial.trial_id, [])
        self._ended(recipe, reports, self._arrived.pop(recipe, []), lost)

    def _drain(self) -> None:
        try:
            while True:
                outcomes = self._outcomes.get(block=False)
                self._arrived[outcomes[0].run.recipe] = outcomes
        except Empty:
            return


def _recipe_of(trial: TuneTrial) -> Recipe:
    return Recipe.model_validate_json(trial.config["point"]["recipe"])


def run_trials(
    mnist: Mnist,
    plan: Plan,
    pool: Pool,
    *,
    configurations: Sequence[dict[str, Any]],
    searcher: Searcher | None,
    samples: int,
    epochs: int | None,
    watcher: Watcher,
    outcomes: Queue,
) -> None:
    """Runs trials of the configurations, or of those that a searcher suggests, to their ends.

    A searcher suggests at most `samples`. Where `epochs`, the most of a point, is given, points
    that fall behind are stopped. Tune's own files are in a temporary folder, and gone afterwards.
    """
    trainable = tune.with_resources(
        tune.with_parameters(SearchTrial, mnist=mnist, plan=plan, outcomes=outcomes),
        {"CPU": 1, "GPU": int(pool.gpu)},
    )
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            trainable,
            param_space=(
                {"point": tune.grid_search([c["point"] for c in configurations])}
                if searcher is None
                else {}
            ),
            tune_config=tune.TuneConfig(
                metric=SCORE,
                mode="max",
                search_alg=searcher,
                scheduler=None if epochs is None else _asha(epochs),
                num_samples=1 if searcher is None else samples,
                reuse_actors=True,
                trial_name_creator=_name,
                trial_dirname_creator=_name,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=folder,
                verbose=0,
                callbacks=[watcher],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=RETRIES),
            ),
        )
        tuner.fit()


def _name(trial: TuneTrial) -> str:
    return str(trial.trial_id)


def _asha(epochs: int) -> ASHAScheduler:
    """Points are compared, and may be stopped, after a ninth and after a third of the epochs."""
    return ASHAScheduler(
        time_attr=EPOCH,
        max_t=epochs,
        grace_period=math.ceil(epochs / REDUCTION**2),
        reduction_factor=REDUCTION,
    )
