"""In a worker: one point of a search after the other, as Ray Tune's trials."""

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from ray.tune import Trainable
from ray.util.queue import Queue

from mnistcmp.cluster.tasks import failed
from mnistcmp.data.mnist import Mnist
from mnistcmp.provenance import environment
from mnistcmp.results.outcome import Finished
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.sources import verify_source
from mnistcmp.study.study import Run
from mnistcmp.training.device import DeviceChoice, resolve_device
from mnistcmp.training.threads import one_thread
from mnistcmp.training.training import Training

SCORE, EPOCH = "score", "epoch"
"""What a trial reports: the mean over its runs of the best validation accuracy so far, or of the
last where the recipe tests the last epoch, 0 to 1; and after how many epochs of all rounds."""

Report = tuple[int, float, bool]
"""Epoch, score, and whether it is the point's last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What all points of a search have in common."""

    architectures: tuple[str, ...]
    sources: dict[str, str]
    """As `Study.sources`."""
    seeds: tuple[int, ...]
    device: DeviceChoice
    epochs_per_report: int

    def stacks(self, recipe: Recipe) -> list[list[Run]]:
        """A point's runs, each architecture's together."""
        return [
            [Run(architecture=name, seed=seed, recipe=recipe) for seed in self.seeds]
            for name in self.architectures
        ]

    def runs(self, recipe: Recipe) -> list[Run]:
        """A point's runs."""
        return [run for stack in self.stacks(recipe) for run in stack]


class SearchTrial(Trainable):
    """Trains a point's runs, all architectures an epoch at a time, so that points compare.

    Its configuration has a `point`: `recipe`, as JSON, and `replay`, the reports (epoch, score) of
    a point that was trained before, which are given again; empty where it is to be trained.

    What came out is put into a queue before the last report, so the driver finds it there.
    """

    def setup(
        self,
        config: dict[str, Any],
        mnist: Mnist | None = None,
        plan: Plan | None = None,
        outcomes: Queue | None = None,
    ) -> None:
        """Called by Tune in a fresh worker; Tune hands over what follows the configuration."""
        if mnist is None or plan is None or outcomes is None:
            raise ValueError("the trial is without its parameters")
        self._mnist, self._plan, self._outcomes = mnist, plan, outcomes
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Called by Tune for the next point in the same worker."""
        point = new_config["point"]
        self._reports = (
            _replay(point["replay"])
            if point["replay"]
            else self._train(Recipe.model_validate_json(point["recipe"]))
        )
        return True

    @one_thread()
    def step(self) -> dict[str, Any]:
        """The next report."""
        epoch, score, done = next(self._reports)
        return {EPOCH: epoch, SCORE: score, "done": done}

    def _train(self, recipe: Recipe) -> Iterator[Report]:
        """Reports now and then, and at the end, when the outcomes are in the queue."""
        try:
            yield from self._reports_of(recipe)
        except Exception as error:  # noqa: BLE001 - whatever a network raises is its point's failure
            trace, host = traceback.format_exc(), environment().host
            self._outcomes.put([failed(run, error, trace, host) for run in self._plan.runs(recipe)])
            # Tune's searchers and schedulers compare scores, so this one is the worst.
            yield 0, 0.0, True

    def _reports_of(self, recipe: Recipe) -> Iterator[Report]:
        started_at = datetime.now(UTC)
        for name, digest in self._plan.sources.items():
            verify_source(name, digest)
        device, runs = resolve_device(self._plan.device), self._plan.runs(recipe)
        stacks = self._plan.stacks(recipe)
        trainings = [Training(stack, self._mnist, device) for stack in stacks]
        best = torch.zeros(recipe.rounds, len(runs), dtype=torch.float64)
        for epoch in range(1, recipe.rounds * recipe.epochs + 1):
            in_round = best[: (epoch - 1) // recipe.epochs + 1]
            for training in trainings:
                training.epoch()
            accuracies = np.concatenate([each.validation_accuracies for each in trainings])
            now = torch.from_numpy(accuracies).double()
            latest = recipe.tested_epoch == "last"
            in_round[-1] = now if latest else torch.maximum(in_round[-1], now)
            if epoch % self._plan.epochs_per_report == 0 and epoch < best.shape[0] * recipe.epochs:
                yield epoch, _mean(in_round), False
        results = [result for training in trainings for result in training.results()]
        outcomes = [
            Finished(
                run=run,
                result=result,
                environment=environment(),
                started_at=started_at,
                finished_at=datetime.now(UTC),
            )
            for run, result in zip(runs, results, strict=True)
        ]
        self._outcomes.put(outcomes)
        yield recipe.rounds * recipe.epochs, _mean(best), True


def _mean(accuracies: torch.Tensor) -> float:
    # Of shares in float32, which have no more digits.
    return round(float(accuracies.mean()), 7)


def _replay(reports: Sequence[tuple[int, float]]) -> Iterator[Report]:
    for number, (epoch, score) in enumerate(reports, start=1):
        yield epoch, score, number == len(reports)
