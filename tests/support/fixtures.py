"""What tests share: MNIST, a study small enough to train in a test, and its results."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from mnistcmp.cluster.address import ADDRESS_VARIABLES
from mnistcmp.data.mnist import Mnist, load_mnist, read_verified
from mnistcmp.networks.architectures import ARCHITECTURES
from mnistcmp.networks.source import _digest_as_first_seen
from mnistcmp.provenance import environment
from mnistcmp.results.outcome import Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run, Study
from mnistcmp.training.planning import is_stackable
from mnistcmp.training.result import TrainingResult
from mnistcmp.training.training import train
from tests.support.servers import S3Server, start_s3_server

CPU = torch.device("cpu")
REPORTED = [name for name in ARCHITECTURES if is_stackable(name, Recipe())]
"""The report's networks."""
SMALL = Recipe(epochs=1, train_pairs=100, test_pairs=40)

# As in a launch's workers. On matrices as small as these, threads cost more than they save.
torch.set_num_threads(1)
threadpool_limits(1, "blas")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, no Ray named by the environment."""
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    monkeypatch.setenv("NO_COLOR", "1")
    for name in (*ADDRESS_VARIABLES, "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return working


@pytest.fixture
def custom_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder, for modules of a user's own; what is imported there is forgotten."""
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", None)):
            del sys.modules[name]
    _digest_as_first_seen.cache_clear()


@pytest.fixture(scope="session")
def mnist() -> Mnist:
    """The real MNIST, pooled."""
    return load_mnist()


@pytest.fixture(scope="session")
def images() -> NDArray[np.uint8]:
    """MNIST's 10,000 test images, (10000, 28, 28), as they are."""
    content = read_verified("t10k-images-idx3-ubyte")
    return np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28)


@pytest.fixture(scope="session")
def study() -> Study:
    """Two architectures, two seeds, one short epoch."""
    return Study(
        name="small",
        architectures=("baseline", "siamese-shared-aux"),
        seeds=(0, 1),
        recipe=SMALL,
    )


@pytest.fixture(scope="session")
def results(study: Study, mnist: Mnist) -> dict[Run, TrainingResult]:
    """The study's runs, trained."""
    trained: dict[Run, TrainingResult] = {}
    for name in study.architectures:
        stack = [run for run in study.runs() if run.architecture == name]
        trained.update(zip(stack, train(stack, mnist, CPU), strict=True))
    return trained


@pytest.fixture(scope="session")
def finish(results: dict[Run, TrainingResult]) -> Callable[[Run], Finished]:
    """Makes a run's outcome as a worker would."""

    def outcome(run: Run) -> Finished:
        return Finished(
            run=run,
            result=results[run],
            environment=environment(),
            started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            finished_at=datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC),
        )

    return outcome


@pytest.fixture
def store(tmp_path: Path, study: Study, finish: Callable[[Run], Finished]) -> ResultsStore:
    """A folder with the results of the whole study, each architecture's runs as one stack."""
    store = ResultsStore(tmp_path / "results")
    store.prepare(study)
    for name in study.architectures:
        stack = [finish(run) for run in study.runs() if run.architecture == name]
        store.write(pack(study.name, stack))
    return store


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A real S3 server."""
    server, process = start_s3_server()
    yield server
    process.terminate()
    process.wait(timeout=10)
