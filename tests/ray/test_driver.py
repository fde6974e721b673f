"""Studies on a Ray of this machine."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mnistcmp.cluster import Progress, Resources, choose_device, local_ray, run_study
from mnistcmp.data import Mnist
from mnistcmp.errors import UserError
from mnistcmp.results import ResultsStore
from mnistcmp.study import Run, Study
from mnistcmp.training import TrainingResult, train


@pytest.fixture(scope="module")
def ray() -> Iterator[Resources]:
    """A Ray with two workers."""
    with local_ray(2) as resources:
        yield resources


def _run(
    study: Study, store: ResultsStore, mnist: Mnist, ray: Resources, train: object = train
) -> Progress:
    store.prepare(study)
    return run_study(
        study,
        store.missing(study.runs()),
        store,
        mnist,
        device="cpu",
        resources=ray,
        on_progress=lambda _: None,
        train=train,  # type: ignore[arg-type]
    )


def test_a_study_comes_back_as_it_is_trained_here(
    tmp_path: Path,
    study: Study,
    mnist: Mnist,
    ray: Resources,
    results: dict[Run, TrainingResult],
) -> None:
    """Every run is stored, with the numbers that the trainer gives in this process."""
    store = ResultsStore(tmp_path)
    progress = _run(study, store, mnist, ray)
    assert (progress.finished, progress.failed) == (4, [])
    stored = {row["run_id"]: row for row in store.read("runs").to_pylist()}
    for run, result in results.items():
        assert stored[run.run_id]["test_accuracy"] == result.test.accuracy
        assert stored[run.run_id]["test_loss"] == result.test.loss


def test_each_run_uses_one_thread(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """Two runs at a time do not fight for the processors."""

    def checked(run: Run, mnist: Mnist, device: torch.device) -> TrainingResult:
        assert torch.get_num_threads() == 1
        return train(run, mnist, device)

    assert _run(study, ResultsStore(tmp_path), mnist, ray, checked).failed == []


def test_a_run_that_raises_is_recorded_and_the_others_finish(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """Its error and traceback are stored; a later launch trains it alone."""

    def fragile(run: Run, mnist: Mnist, device: torch.device) -> TrainingResult:
        if (run.architecture, run.seed) == ("baseline", 1):
            raise ValueError("a network that\nbreaks")
        return train(run, mnist, device)

    store = ResultsStore(tmp_path)
    progress = _run(study, store, mnist, ray, fragile)
    assert progress.finished == 3
    assert [failed.error for failed in progress.failed] == ["ValueError: a network that"]
    (row,) = store.read("failures").to_pylist()
    assert (row["architecture"], row["seed"]) == ("baseline", 1)
    assert "in fragile" in row["traceback"]
    assert len(store.missing(study.runs())) == 1
    assert _run(study, store, mnist, ray).finished == 1
    assert store.missing(study.runs()) == ()


def test_a_killed_worker_costs_nothing(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """Ray trains the run again elsewhere, with the same result, once."""
    marker = tmp_path / "killed"

    def dying(run: Run, mnist: Mnist, device: torch.device) -> TrainingResult:
        if run.seed == 1 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return train(run, mnist, device)

    store = ResultsStore(tmp_path / "results")
    progress = _run(study, store, mnist, ray, dying)
    assert marker.exists()
    assert (progress.finished, progress.failed) == (4, [])
    assert len(store.read("runs")) == 4


def test_a_worker_that_always_dies_fails_its_run_alone(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """After Ray's retries the run is recorded as failed; the others are stored."""

    def dying(run: Run, mnist: Mnist, device: torch.device) -> TrainingResult:
        if (run.architecture, run.seed) == ("baseline", 0):
            os.kill(os.getpid(), signal.SIGKILL)
        return train(run, mnist, device)

    store = ResultsStore(tmp_path)
    progress = _run(study, store, mnist, ray, dying)
    assert progress.finished == 3
    assert [failed.run.seed for failed in progress.failed] == [0]
    assert "WorkerCrashedError" in store.read("failures")["error"][0].as_py()


def test_progress_counts_what_ended(
    tmp_path: Path, study: Study, mnist: Mnist, ray: Resources
) -> None:
    """Done goes up by one; running never exceeds the workers or what is left."""
    seen: list[tuple[int, int]] = []
    store = ResultsStore(tmp_path)
    store.prepare(study)
    run_study(
        study,
        study.runs(),
        store,
        mnist,
        device="cpu",
        resources=ray,
        on_progress=lambda progress: seen.append((progress.done, progress.running)),
    )
    assert seen == [(0, 2), (1, 2), (2, 2), (3, 1), (4, 0)]


def test_auto_takes_gpus_where_ray_has_them() -> None:
    """And a GPU that Ray does not have is refused rather than waited for."""
    without = Resources(cpus=2, gpus=0, place="here")
    with_gpu = Resources(cpus=2, gpus=1, place="here")
    assert choose_device("auto", without) == "cpu"
    assert choose_device("auto", with_gpu) == "cuda"
    assert choose_device("cpu", with_gpu) == "cpu"
    with pytest.raises(UserError, match="here has no GPU"):
        choose_device("cuda", without)
    with pytest.raises(UserError, match="no CPU for tasks"):
        choose_device("auto", Resources(cpus=0, gpus=0, place="here"))
