"""A run's outcome as rows of the tables."""

from typing import Any

import numpy as np
import pyarrow as pa

from mnistcmp.results.outcome import Failed, Finished
from mnistcmp.results.schema import to_table
from mnistcmp.study.study import Run


def _identity(study: str, run: Run) -> dict[str, Any]:
    """The columns that every table has."""
    return {
        "study": study,
        "run_id": run.run_id,
        "architecture": run.architecture,
        "seed": run.seed,
        "recipe_hash": run.recipe.hash,
    }


def runs_table(study: str, finished: Finished) -> pa.Table:
    """The run's row of `runs`."""
    result, environment = finished.result, finished.environment
    best, test = result.best, result.test if result.tested else None
    columns = _identity(study, finished.run) | {
        "recipe": finished.run.recipe.model_dump_json(),
        "parameters": result.parameters,
        "best_epoch": result.best_epoch,
        "train_loss": best.train.loss,
        "train_accuracy": best.train.accuracy,
        "validation_loss": best.validation.loss,
        "validation_accuracy": best.validation.accuracy,
        "test_loss": test and test.loss,
        "test_accuracy": test and test.accuracy,
        "digit_accuracy": result.predictions.digit_accuracy if test else None,
        "started_at": finished.started_at,
        "finished_at": finished.finished_at,
        "seconds": result.seconds,
        "host": environment.host,
        "device": result.device,
        "python_version": environment.python,
        "torch_version": environment.torch,
        "ray_version": environment.ray,
        "mnistcmp_version": environment.mnistcmp,
        "git_revision": environment.git_revision,
    }
    return to_table("runs", columns)


def rounds_table(study: str, finished: Finished) -> pa.Table:
    """The run's rows of `rounds`."""
    rounds, epochs = finished.result.rounds, finished.result.epochs
    best = [epochs[part.best_epoch - 1] for part in rounds]
    columns = _identity(study, finished.run) | {
        "round": np.arange(1, len(rounds) + 1),
        "best_epoch": [part.best_epoch for part in rounds],
        "train_loss": [epoch.train.loss for epoch in best],
        "train_accuracy": [epoch.train.accuracy for epoch in best],
        "validation_loss": [epoch.validation.loss for epoch in best],
        "validation_accuracy": [epoch.validation.accuracy for epoch in best],
        "test_loss": [part.test and part.test.loss for part in rounds],
        "test_accuracy": [part.test and part.test.accuracy for part in rounds],
        "digit_accuracy": [p.predictions and p.predictions.digit_accuracy for p in rounds],
    }
    return to_table("rounds", columns, rows=len(rounds))


def epochs_table(study: str, finished: Finished) -> pa.Table:
    """The run's rows of `epochs`."""
    epochs = finished.result.epochs
    columns = _identity(study, finished.run) | {
        "epoch": np.arange(1, len(epochs) + 1),
        "train_loss": [epoch.train.loss for epoch in epochs],
        "train_accuracy": [epoch.train.accuracy for epoch in epochs],
        "validation_loss": [epoch.validation.loss for epoch in epochs],
        "validation_accuracy": [epoch.validation.accuracy for epoch in epochs],
    }
    return to_table("epochs", columns, rows=len(epochs))


def predictions_table(study: str, finished: Finished) -> pa.Table:
    """The run's rows of `predictions`."""
    predictions = finished.result.predictions
    named = predictions.predicted_digits
    pairs = len(predictions.labels)
    columns = _identity(study, finished.run) | {
        "pair": np.arange(pairs),
        "first_image": predictions.sources[:, 0],
        "second_image": predictions.sources[:, 1],
        "first_digit": predictions.digits[:, 0],
        "second_digit": predictions.digits[:, 1],
        "label": predictions.labels,
        "predicted": predictions.predicted,
        "probability": predictions.probabilities,
        "predicted_first_digit": None if named is None else named[:, 0],
        "predicted_second_digit": None if named is None else named[:, 1],
    }
    return to_table("predictions", columns, rows=pairs)


def failures_table(study: str, failed: Failed) -> pa.Table:
    """The run's row of `failures`."""
    columns = _identity(study, failed.run) | {
        "recipe": failed.run.recipe.model_dump_json(),
        "failed_at": failed.failed_at,
        "host": failed.host,
        "error": failed.error,
        "traceback": failed.traceback,
    }
    return to_table("failures", columns)
