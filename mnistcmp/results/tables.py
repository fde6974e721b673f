"""What a task gave back as files of a results folder, all of its runs together."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mnistcmp.results import weights
from mnistcmp.results.outcome import Failed, Finished, Left, Outcome
from mnistcmp.results.parquet import SUFFIX, encode
from mnistcmp.results.schema import to_table
from mnistcmp.training.result import Epoch, Score


@dataclass(frozen=True, kw_only=True, slots=True)
class Returned:
    """What a task gave back, made into files where it was trained: a driver only writes them."""

    outcomes: tuple[Outcome, ...]
    """Without what stands in the files alone: epochs of tested runs, predictions and weights."""
    files: tuple[tuple[str, str, bytes], ...]
    """Folder, name and content of each, in the order in which they are to be written."""

    @property
    def finished_run_ids(self) -> set[str]:
        """The runs that need no training any more."""
        return {outcome.run.run_id for outcome in self.outcomes if isinstance(outcome, Finished)}


def pack(study: str, outcomes: Sequence[Outcome]) -> Returned:
    """What became of runs of a study as files: details first, and the rows of `runs` after them."""
    finished = [outcome for outcome in outcomes if isinstance(outcome, Finished)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    files = []
    for outcome in finished:
        if outcome.result.weights is not None:
            content = weights.encode_weights(outcome.run, outcome.result.weights)
            files.append((weights.FOLDER, f"{outcome.run.run_id}{weights.SUFFIX}", content))
    if finished:
        name = _file_name(outcome.run.run_id for outcome in finished)
        files += [(folder, name, encode(rows)) for folder, rows in finished_tables(study, finished)]
    if failed:
        name = _file_name(f"{outcome.run.run_id} {outcome.failed_at}" for outcome in failed)
        files.append(("failures", name, encode(failures_table(study, failed))))
    left = [outcome for outcome in outcomes if isinstance(outcome, Left)]
    return Returned(outcomes=(*map(_without_details, finished), *failed, *left), files=tuple(files))


def _without_details(outcome: Finished) -> Finished:
    result = outcome.result
    rounds = tuple(replace(part, predictions=None) for part in result.rounds)
    epochs = result.epochs[:0] if result.tested else result.epochs
    result = replace(result, epochs=epochs, rounds=rounds, weights=None)
    return replace(outcome, result=result)


def _file_name(keys: Iterable[str]) -> str:
    """A name that the same keys have again, and no others."""
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()[:16] + SUFFIX


def finished_tables(study: str, finished: Sequence[Finished]) -> Iterator[tuple[str, pa.Table]]:
    """The name and rows of each table that has some, in the order in which they are written."""
    tested = [outcome for outcome in finished if outcome.result.tested]
    if tested:
        yield "predictions", _predictions(study, tested)
    several = [outcome for outcome in finished if len(outcome.result.rounds) > 1]
    if several:
        yield "rounds", _rounds(study, several)
    learned = [outcome for outcome in finished if outcome.result.epochs]
    if learned:
        yield "epochs", _epochs(study, learned)
    yield "runs", _runs(study, finished)


def failures_table(study: str, failed: Sequence[Failed]) -> pa.Table:
    """A row of each failure."""
    columns = {
        "recipe": [outcome.run.recipe.model_dump_json() for outcome in failed],
        "failed_at": [outcome.failed_at for outcome in failed],
        "host": [outcome.host for outcome in failed],
        "error": [outcome.error for outcome in failed],
        "traceback": [outcome.traceback for outcome in failed],
    }
    return _table("failures", study, failed, columns)


def _runs(study: str, finished: Sequence[Finished]) -> pa.Table:
    results = [outcome.result for outcome in finished]
    where = [outcome.environment for outcome in finished]
    columns = {
        "recipe": [outcome.run.recipe.model_dump_json() for outcome in finished],
        "parameters": [result.parameters for result in results],
        "best_epoch": [result.best_epoch if result.rounds else None for result in results],
        "diverged_epoch": [result.diverged_epoch for result in results],
        **_learned([result.best if result.rounds else None for result in results]),
        **_scores("test", [result.test if result.tested else None for result in results]),
        "digit_accuracy": [r.predictions.digit_accuracy if r.tested else None for r in results],
        "started_at": [outcome.started_at for outcome in finished],
        "finished_at": [outcome.finished_at for outcome in finished],
        "seconds": [result.seconds for result in results],
        "host": [environment.host for environment in where],
        "device": [result.device for result in results],
        "processor": [environment.processor for environment in where],
        "python_version": [environment.python for environment in where],
        "torch_version": [environment.torch for environment in where],
        "ray_version": [environment.ray for environment in where],
        "mnistcmp_version": [environment.mnistcmp for environment in where],
        "git_revision": [environment.git_revision for environment in where],
    }
    return _table("runs", study, finished, columns)


def _rounds(study: str, finished: Sequence[Finished]) -> pa.Table:
    each = [(outcome.result, part) for outcome in finished for part in outcome.result.rounds]
    counts = [len(outcome.result.rounds) for outcome in finished]
    columns = {
        "round": 1 + _positions(counts),
        "best_epoch": [part.best_epoch for _, part in each],
        **_learned([result.epochs[part.best_epoch - 1] for result, part in each]),
        **_scores("test", [part.test for _, part in each]),
        "digit_accuracy": [p.predictions and p.predictions.digit_accuracy for _, p in each],
    }
    return _table("rounds", study, finished, columns, counts)


def _epochs(study: str, finished: Sequence[Finished]) -> pa.Table:
    counts = [len(outcome.result.epochs) for outcome in finished]
    scores = np.concatenate([outcome.result.epochs.scores for outcome in finished])
    names = "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"
    columns = {"epoch": 1 + _positions(counts), **dict(zip(names, scores.T, strict=True))}
    return _table("epochs", study, finished, columns, counts)


def _predictions(study: str, finished: Sequence[Finished]) -> pa.Table:
    parts = [outcome.result.predictions for outcome in finished]
    counts = [len(part.labels) for part in parts]
    sources = np.concatenate([part.sources for part in parts])
    digits = np.concatenate([part.digits for part in parts])
    unnamed = np.repeat([part.predicted_digits is None for part in parts], counts)
    named = np.concatenate(
        [p.digits if p.predicted_digits is None else p.predicted_digits for p in parts]
    )
    columns = {
        "pair": _positions(counts),
        "first_image": sources[:, 0],
        "second_image": sources[:, 1],
        "first_digit": digits[:, 0],
        "second_digit": digits[:, 1],
        "label": np.concatenate([part.labels for part in parts]),
        "predicted": np.concatenate([part.predicted for part in parts]),
        "probability": np.concatenate([part.probabilities for part in parts]),
        "predicted_first_digit": np.ma.masked_array(named[:, 0], unnamed),
        "predicted_second_digit": np.ma.masked_array(named[:, 1], unnamed),
    }
    return _table("predictions", study, finished, columns, counts)


def _learned(epochs: Sequence[Epoch | None]) -> dict[str, list[float | None]]:
    train, validation = [e and e.train for e in epochs], [e and e.validation for e in epochs]
    return _scores("train", train) | _scores("validation", validation)


def _scores(of: str, scores: Sequence[Score | None]) -> dict[str, list[float | None]]:
    return {
        f"{of}_loss": [None if score is None else score.loss for score in scores],
        f"{of}_accuracy": [None if score is None else score.accuracy for score in scores],
    }


def _positions(counts: Sequence[int]) -> NDArray[np.int64]:
    """0, 1, 2, ... of each run."""
    return np.concatenate([np.arange(count) for count in counts])


def _table(
    name: str,
    study: str,
    outcomes: Sequence[Finished | Failed],
    columns: dict[str, Any],
    counts: Sequence[int] | None = None,
) -> pa.Table:
    """Columns behind those that every table has, of as many rows of each run."""
    runs = [outcome.run for outcome in outcomes]
    hashes = {recipe: recipe.hash for recipe in {run.recipe for run in runs}}
    place = pa.array(np.repeat(np.arange(len(runs)), 1 if counts is None else counts))
    identity = {
        "study": pa.array([study] * len(runs)),
        "run_id": pa.array([run.run_id for run in runs]),
        "architecture": pa.array([run.architecture for run in runs]),
        "seed": pa.array([run.seed for run in runs]),
        "recipe_hash": pa.array([hashes[run.recipe] for run in runs]),
    }
    return to_table(name, {key: of.take(place) for key, of in identity.items()} | columns)
