"""In a worker: one point of a search, as a trial of Ray Tune."""

import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
from ray import tune

from mnistcmp.cluster.tasks import failed, finished
from mnistcmp.data.mnist import Mnist
from mnistcmp.provenance import environment
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.sources import verify_source
from mnistcmp.training.device import DeviceChoice, resolve_device
from mnistcmp.training.process import one_thread
from mnistcmp.training.training import trainings
from mnistcmp.tune.search import Search

EPOCH, SCORE, OUTCOMES = "epoch", "score", "outcomes"
"""What a trial reports: after how many epochs of all rounds; the mean over its runs of the best
validation accuracy so far, or of the last where the recipe tests the last epoch, 0 to 1; and with
the last report what became of its runs."""

REPORTS = 10
"""About as many a point reports where nothing depends on them: each takes Tune milliseconds."""


@one_thread()
def train_point(
    config: dict[str, Any], *, mnist: Mnist, search: Search, device: DeviceChoice
) -> None:
    """Trains a point's runs, all architectures an epoch at a time, so that points compare.

    `config` has the `recipe`, as JSON. The rest is the same for all points of a search.
    """
    recipe = Recipe.model_validate_json(config["recipe"])
    try:
        for report in _reports(recipe, mnist, search, device):
            tune.report(report)
    except Exception as error:  # noqa: BLE001 - whatever a network raises is its point's failure
        trace, host = traceback.format_exc(), environment().host
        outcomes = [failed(run, error, trace, host) for run in search.runs(recipe)]
        tune.report({EPOCH: 0, SCORE: 0.0, OUTCOMES: outcomes})


def _reports(
    recipe: Recipe, mnist: Mnist, search: Search, device: DeviceChoice
) -> Iterator[dict[str, Any]]:
    started_at = datetime.now(UTC)
    for name, digest in search.study.sources.items():
        verify_source(name, digest)
    where = resolve_device(device)
    parts = [part for stack in search.stacks(recipe) for part in trainings(stack, mnist, where)]
    runs, epochs = search.runs(recipe), recipe.rounds * recipe.epochs
    every = 1 if search.stops_early else max(1, search.epochs // REPORTS)
    best = np.zeros((recipe.rounds, len(runs)))
    for epoch in range(1, epochs + 1):
        for part in parts:
            part.epoch()
        now = np.concatenate([part.validation_accuracies for part in parts])
        round_ = (epoch - 1) // recipe.epochs
        best[round_] = now if recipe.tested_epoch == "last" else np.maximum(best[round_], now)
        # A run that has diverged scores nothing.
        best[:, now == 0] = 0
        # Of shares in float32, which have no more digits.
        report = {EPOCH: epoch, SCORE: round(float(best[: round_ + 1].mean()), 7)}
        if epoch % every == 0 and epoch < epochs:
            yield report
    results = [result for part in parts for result in part.results()]
    outcomes = finished(runs, results, started_at)
    yield report | {OUTCOMES: outcomes}
