"""What is in a results folder, for tests that change its files."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from mnistcmp.cluster.fan_out import Told
from mnistcmp.data.mnist import Mnist
from mnistcmp.results.outcome import Failed, Outcome
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import Returned, pack
from mnistcmp.study.file import read_study
from mnistcmp.study.study import Run, Study
from mnistcmp.training.result import TrainingResult
from mnistcmp.training.training import train
from mnistcmp.tune.folder import PointOutcome, read_points

SORTED = {
    "runs": ["run_id"],
    "rounds": ["run_id", "round"],
    "epochs": ["run_id", "epoch"],
    "predictions": ["run_id", "pair"],
    "failures": ["run_id", "failed_at"],
}
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def content_of(store: ResultsStore) -> dict[str, pa.Table]:
    """All rows that count, of each table, in one order."""
    return {name: store.read(name).sort_by([(c, "ascending") for c in columns])
            for name, columns in SORTED.items()}  # fmt: skip


def with_accuracy(result: TrainingResult, accuracy: float) -> TrainingResult:
    """A result of one round, as if its test accuracy, 0 to 1, were that."""
    (only,) = result.rounds
    test = result.test._replace(accuracy=accuracy)
    return replace(result, rounds=(replace(only, test=test),))


def diverged(result: TrainingResult, epoch: int = 1) -> TrainingResult:
    """A result as if its loss had not been finite any more in that epoch."""
    left = result.epochs[: epoch - 1]
    return replace(result, epochs=left, rounds=(), weights=None, diverged_epoch=epoch)


def folder_of(store: ResultsStore, name: str = "") -> Path:
    """A folder of the store."""
    return Path(store.location.name) / name


def files_of(store: ResultsStore) -> dict[str, int]:
    """Its Parquet files, and when each was written."""
    found = folder_of(store).rglob("*.parquet")
    return {str(path.relative_to(folder_of(store))): path.stat().st_mtime_ns for path in found}


def remove_seed(store: ResultsStore, seed: int) -> None:
    """Takes the rows of a seed out of `runs`."""
    for path in folder_of(store, "runs").glob("*.parquet"):
        rows = pq.read_table(path)
        pq.write_table(rows.filter(pc.not_equal(rows["seed"], seed)), path)


def store_failure(store: ResultsStore, study: Study, seed: int, minutes: int = 0) -> Run:
    """Stores a failed attempt at a run of that seed, and gives the run."""
    run = Run(architecture="baseline", seed=seed, recipe=study.recipe)
    failed = Failed(
        run=run,
        error=f"ValueError: {minutes}",
        traceback="...",
        host=None,
        failed_at=NOON + timedelta(minutes=minutes),
    )
    store.write(pack(study.name, [failed]))
    return run


def losses(folder: Path) -> dict[str, float]:
    """The test losses that a folder of results has, by run."""
    rows = ResultsStore(folder).read("runs").to_pylist()
    return {row["run_id"]: row["test_loss"] for row in rows}


def losses_here(study: Path, mnist: Mnist) -> dict[str, float]:
    """The same of a study file's runs, trained in this process."""

    def loss(run: Run) -> float:
        return train([run], mnist, torch.device("cpu"))[0].test.loss

    return {run.run_id: loss(run) for run in read_study(study).runs()}


def searched(folder: Path) -> tuple[list[PointOutcome], dict[str, tuple[float, ...]]]:
    """What became of a search's points, and the epochs of each run."""
    store = ResultsStore(folder)
    columns = ["run_id", "epoch", "train_loss", "validation_loss", "validation_accuracy"]
    rows = store.read("epochs", columns).to_pylist()
    epochs = {f"{row['run_id']} {row['epoch']}": tuple(row.values()) for row in rows}
    points = read_points(store)
    return sorted(points.values(), key=lambda point: point.recipe.hash), epochs


def outcomes_of(told: Iterable[Told]) -> list[Outcome]:
    """What became of all runs that `fan_out` tells of."""
    pairs = [each for each in told if isinstance(each, tuple)]
    returned = [got for _, got in pairs if isinstance(got, Returned)]
    return [outcome for each in returned for outcome in each.outcomes]
