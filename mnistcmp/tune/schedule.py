"""Ray Tune: runs points as its trials, tries them again, and stops those that fall behind."""

import logging
import math
import os
import tempfile
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

# Tune reads these when it runs: no log files of its own, and no errors in the terminal that are
# stored as results. The newer output prints its beginning and every error, whatever the verbosity.
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
# Custom networks are looked for in the folder that the search was started in.
os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import Searcher
from typing_extensions import override

from mnistcmp.cluster.placement import Pool
from mnistcmp.cluster.tasks import failed
from mnistcmp.data.mnist import Mnist
from mnistcmp.results.outcome import Outcome
from mnistcmp.study.recipe import Recipe
from mnistcmp.tune.folder import PointOutcome
from mnistcmp.tune.search import Point, Search
from mnistcmp.tune.trial import EPOCH, OUTCOMES, SCORE, train_point

REDUCTION = 3
"""ASHA keeps about the best one of so many points at each rung, and trains it so many times as
long to the next."""

RETRIES = 3
"""How often a point is tried again whose worker was lost."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EndedPoint:
    """A point whose trial has ended, and what it gave."""

    point: Point
    reports: tuple[tuple[int, float], ...]
    """Epochs trained, and score."""
    outcomes: tuple[Outcome, ...]
    """What became of its runs; none of a point that was stopped."""


Told = SimpleQueue[Point | EndedPoint | None]
"""What Tune's thread tells: None at its end."""


def run_points(
    search: Search,
    points: Iterator[Point | None],
    scores: dict[Recipe, float],
    mnist: Mnist,
    *,
    pool: Pool,
    compared: Iterable[PointOutcome],
) -> Generator[Point | EndedPoint, None, None]:
    """Runs points as trials of Ray Tune.

    Args:
        search: What the points are of.
        points: The points in their order; None where the score of one before is waited for.
        scores: Where each point's score is put when it has ended.
        mnist: What workers get of MNIST.
        pool: What a trial takes, and how many there are at a time.
        compared: Points that ended before, which others are measured against.

    Yields:
        Each point when it is handed out, and again, with what it gave, when it has ended.
    """
    told: Told = SimpleQueue()
    suggest = _Suggest(points, told)
    follow = _Follow(search, suggest.tried, scores, told)
    # Tune has a loop of its own, so it gets a thread of its own.
    with ThreadPoolExecutor(1) as executor, tempfile.TemporaryDirectory() as files:
        trainable = tune.with_parameters(
            train_point, mnist=mnist, search=search, device=pool.device
        )
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
        running = executor.submit(
            tune.run,
            tune.with_resources(trainable, {"CPU": 1, "GPU": int(pool.gpu)}),
            search_alg=suggest,
            scheduler=_asha(search.epochs, compared) if search.stops_early else None,
            num_samples=-1,
            callbacks=[follow],
            # A fresh worker imports torch for seconds.
            reuse_actors=True,
            max_failures=RETRIES,
            raise_on_failed_trial=False,
            storage_path=files,
            trial_name_creator=_name,
            trial_dirname_creator=_name,
            verbose=0,
        )
        running.add_done_callback(lambda _: told.put(None))
        try:
            while (ended := told.get()) is not None:
                yield ended
        finally:
            follow.is_left = True
        running.result()


class _Suggest(Searcher):
    """Hands out the points, one at a time."""

    def __init__(self, points: Iterator[Point | None], told: Told) -> None:
        super().__init__(metric=SCORE, mode="max")
        self.tried: dict[str, Point] = {}
        """By the names of Tune's trials."""
        self._points, self._told = points, told

    @override
    def suggest(self, trial_id: str) -> Any:
        """A trial's configuration; None where Tune has to wait for others, FINISHED at the end."""
        try:
            point = next(self._points)
        except StopIteration:
            return Searcher.FINISHED
        if point is None:
            return None
        self.tried[trial_id] = point
        self._told.put(point)
        return {"recipe": point.recipe.model_dump_json()}

    @override
    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: `_Follow` is told more."""

    @override
    def save(self, checkpoint_path: str) -> None:
        """Nothing: a search is taken up again from its stored results."""

    @override
    def restore(self, checkpoint_path: str) -> None:
        """Nothing, for the same reason."""


class _Left(BaseException):
    """Nobody waits for the points any more."""


class _Follow(tune.Callback):
    """Notes what trials report and how they end."""

    def __init__(
        self,
        search: Search,
        tried: Mapping[str, Point],
        scores: dict[Recipe, float],
        told: Told,
    ) -> None:
        self.is_left = False
        """Whether Tune is to end now."""
        self._search, self._tried, self._scores, self._told = search, tried, scores, told
        self._reports: defaultdict[str, dict[int, float]] = defaultdict(dict)
        """Of each trial, by epochs: one that is tried again reports the same again."""
        self._outcomes: dict[str, list[Outcome]] = {}

    @override
    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        if self.is_left:
            # No error, at which Tune would wait for its workers: whoever left ends those.
            raise _Left

    @override
    def on_trial_result(
        self,
        iteration: int,
        trials: list[Trial],
        trial: Trial,
        result: dict[str, Any],
        **info: Any,
    ) -> None:
        self._reports[trial.trial_id][result[EPOCH]] = result[SCORE]
        # Tune need not keep what is stored as results.
        self._outcomes[trial.trial_id] = result.pop(OUTCOMES, [])

    @override
    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        self._end(trial, self._outcomes[trial.trial_id])

    @override
    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        lost = trial.get_error() or RuntimeError("the worker was lost")
        runs = self._search.runs(self._tried[trial.trial_id].recipe)
        self._end(trial, [failed(run, lost, str(lost), host=None) for run in runs])

    def _end(self, trial: Trial, outcomes: list[Outcome]) -> None:
        point = self._tried[trial.trial_id]
        reports = tuple(self._reports[trial.trial_id].items())
        self._scores[point.recipe] = reports[-1][1] if reports else 0.0
        self._told.put(EndedPoint(point=point, reports=reports, outcomes=tuple(outcomes)))


def _name(trial: Trial) -> str:
    return str(trial.trial_id)


def _asha(epochs: int, compared: Iterable[PointOutcome]) -> ASHAScheduler:
    """Compares points, and may stop them, after a ninth and after a third of the epochs."""
    asha = ASHAScheduler(
        time_attr=EPOCH,
        metric=SCORE,
        mode="max",
        max_t=epochs,
        grace_period=math.ceil(epochs / REDUCTION**2),
        reduction_factor=REDUCTION,
    )
    # It looks at the trial alone.
    controller: Any = None
    for point in compared:
        trial = Trial("stored", stub=True)
        asha.on_trial_add(controller, trial)
        for epoch, score in point.reports:
            asha.on_trial_result(controller, trial, {EPOCH: epoch, SCORE: score})
    return asha
