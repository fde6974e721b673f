"""Results folders of any size, made up, to see how long it takes to store and to read them.

python -m tests.support.synthetic FOLDER --runs 1000000               the table `runs` alone
python -m tests.support.synthetic FOLDER --runs 20000 --details       every table
python -m tests.support.synthetic FOLDER --runs 1000 --time           how long storing takes
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from mnistcmp.provenance import environment
from mnistcmp.results.outcome import Finished
from mnistcmp.results.parquet import encode
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import finished_tables, pack
from mnistcmp.study.named import TABLE1
from mnistcmp.study.study import Run, Study
from mnistcmp.training.result import Epochs, Predictions, Round, Score, TrainingResult

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def made_up(runs: Sequence[Run], *, epochs: int = 150, pairs: int = 1000) -> list[Finished]:
    """What a task that trained these runs would give back."""
    return [
        Finished(
            run=run,
            result=_result(run.seed % 100, epochs, pairs),
            environment=environment(),
            started_at=WHEN,
            finished_at=WHEN,
        )
        for run in runs
    ]


@lru_cache(maxsize=100)
def _result(seed: int, epochs: int, pairs: int) -> TrainingResult:
    random = np.random.default_rng(seed)

    def score() -> Score:
        return Score(loss=random.random(), accuracy=random.random())

    digits = random.integers(0, 10, (pairs, 2))
    predictions = Predictions(
        sources=random.integers(0, 10_000, (pairs, 2)),
        digits=digits,
        labels=(digits[:, 0] <= digits[:, 1]).astype(np.int64),
        probabilities=random.random(pairs, np.float32),
        predicted=random.integers(0, 2, pairs),
        predicted_digits=random.integers(0, 10, (pairs, 2)),
    )
    return TrainingResult(
        parameters=71_119,
        epochs=Epochs(random.random((epochs, 4))),
        rounds=(Round(best_epoch=epochs, test=score(), predictions=predictions),),
        device="cpu",
        seconds=1.0,
    )


def fill(folder: Path, runs: int, *, per_file: int = 10, details: bool = False) -> None:
    """Fills a folder with Table I's architectures, and as many seeds as the runs want.

    As `ResultsStore.write` would, but for the wait for the disk.
    """
    study = _study(runs)
    ResultsStore(folder).prepare(study)
    for number, stack in enumerate(_stacks(study, per_file)):
        outcomes = made_up(stack) if details else made_up(stack, epochs=1, pairs=1)
        for name, rows in finished_tables(study.name, outcomes):
            if details or name == "runs":
                (folder / name / f"{number:08}.parquet").write_bytes(encode(rows))


def time_storing(folder: Path, runs: int, *, per_file: int = 10) -> tuple[float, float]:
    """Seconds that `ResultsStore.write` takes, all in all and of the processor."""
    study, store = _study(runs), ResultsStore(folder)
    store.prepare(study)
    stacks = [made_up(stack) for stack in _stacks(study, per_file)]
    store.write(pack(study.name, stacks[0]))
    wall, processor = time.perf_counter(), time.process_time()
    for outcomes in stacks:
        store.write(pack(study.name, outcomes))
    return time.perf_counter() - wall, time.process_time() - processor


def _study(runs: int) -> Study:
    return TABLE1.model_copy(update={"seeds": tuple(range(runs // 5))})


def _stacks(study: Study, per_file: int) -> Iterator[list[Run]]:
    for name in study.architectures:
        for first in range(0, len(study.seeds), per_file):
            seeds = study.seeds[first : first + per_file]
            yield [Run(architecture=name, seed=seed, recipe=study.recipe) for seed in seeds]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--per-file", type=int, default=10)
    parser.add_argument("--details", action="store_true")
    parser.add_argument("--time", action="store_true")
    given = parser.parse_args()
    if given.time:
        for seconds in time_storing(given.folder, given.runs, per_file=given.per_file):
            sys.stdout.write(f"{1000 * seconds / given.runs:.2f} ms a run\n")
    else:
        fill(given.folder, given.runs, per_file=given.per_file, details=given.details)
