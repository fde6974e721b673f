"""What tests share: MNIST, a study small enough to train in a test, and its results."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from mnistcmp.data import Mnist, load_mnist
from mnistcmp.provenance import environment
from mnistcmp.results import Finished, ResultsStore
from mnistcmp.study import Recipe, Run, Study
from mnistcmp.training import TrainingResult, train
from tests.servers import S3Server, start_s3_server

CPU = torch.device("cpu")
SMALL = Recipe(epochs=1, train_pairs=100, test_pairs=40)


@pytest.fixture(scope="session")
def mnist_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that MNIST is unpacked into once."""
    return tmp_path_factory.mktemp("mnist")


@pytest.fixture(scope="session")
def mnist(mnist_folder: Path) -> Mnist:
    """The real MNIST, pooled."""
    torch.set_num_threads(1)
    return load_mnist(mnist_folder)


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
    return {run: train(run, mnist, CPU) for run in study.runs()}


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
    """A folder with the results of the whole study."""
    store = ResultsStore(tmp_path / "results")
    store.prepare(study)
    for run in study.runs():
        store.write_finished(study.name, finish(run))
    return store


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A real S3 server."""
    server, process = start_s3_server()
    yield server
    process.terminate()
    process.wait(timeout=10)
