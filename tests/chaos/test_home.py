"""Faults of a launch on this machine: launched again, it trains what is missing, no more."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.chaos.study import RUNS, SEEDS, metrics, strike, write_study
from tests.support.clusters import INTERRUPTIBLE
from tests.support.commands import mnistcmp, without_clusters

pytestmark = pytest.mark.chaos

Fault = Callable[[int], object]


def _kill_everything(launch: int) -> None:
    """The launch and all that it started."""
    tree = [psutil.Process(launch), *psutil.Process(launch).children(recursive=True)]
    for process in tree:
        process.kill()


def _kill_a_worker(launch: int) -> None:
    names = ((each, each.name()) for each in psutil.Process(launch).children(recursive=True))
    next(each for each, name in names if name.startswith("ray::_train")).kill()


FAULTS: dict[str, tuple[Fault, int]] = {
    "kill -9 of everything": (_kill_everything, -signal.SIGKILL),
    "kill -9 of a worker": (_kill_a_worker, 0),
    "Ctrl-C": (lambda launch: psutil.Process(launch).send_signal(signal.SIGINT), 130),
    "SIGTERM": (lambda launch: psutil.Process(launch).send_signal(signal.SIGTERM), 130),
}
"""What happens, and the exit status of the launch that it happens to."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[float, ...]]:
    """The numbers of the study to which nothing happened."""
    folder = tmp_path_factory.mktemp("undisturbed")
    command = "launch", write_study(folder), "--local", "--output", "results"
    assert mnistcmp(folder, without_clusters(), *command).returncode == 0
    return metrics(folder / "results")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost(
    fault: str, seed: int, tmp_path: Path, undisturbed: dict[str, tuple[float, ...]]
) -> None:
    """With one more launch at most, every run is there once, with the same numbers."""
    happens, status = FAULTS[fault]
    command = "launch", write_study(tmp_path), "--local", "--output", "results", "--json-lines"
    launch = subprocess.Popen(
        [*INTERRUPTIBLE, *command],
        cwd=tmp_path,
        env=without_clusters(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    strike(launch, f"{fault} {seed}", lambda: happens(launch.pid))
    assert launch.returncode == status
    kept = len(metrics(tmp_path / "results"))
    assert (kept == RUNS) == (status == 0)
    again = mnistcmp(tmp_path, without_clusters(), *command)
    assert again.returncode == 0, again.stderr
    *_, reported = map(json.loads, again.stdout.splitlines())
    assert reported["trained"] == RUNS - kept
    assert metrics(tmp_path / "results") == undisturbed
