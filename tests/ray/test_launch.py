"""`mnistcmp launch` as users run it: a process of its own, real MNIST, real Ray."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnistcmp.results import ResultsStore
from tests.clusters import INTERRUPTIBLE

COMMAND = (sys.executable, "-m", "mnistcmp")
METRICS = ["train_loss", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy"]


@pytest.fixture
def environment(mnist_folder: Path) -> dict[str, str]:
    """MNIST unpacked already, and no Ray named."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RAY_", "MNISTCMP_"))
    }
    return kept | {"MNISTCMP_DATA_DIR": str(mnist_folder)}


def _launch(
    folder: Path, environment: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "launch", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_launching_twice_in_different_folders_gives_identical_metrics(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """Bit for bit, whatever process trained it; and a third launch trains nothing."""
    arguments = ("-a", "siamese-shared-aux", "--seeds", "0", "--epochs", "2")
    tables = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        done = _launch(folder, environment, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Table I" in done.stdout
        store = ResultsStore(folder / "results" / "table1-epochs-2")
        tables.append([store.read("runs").select(METRICS), store.read("epochs")])
        tables[-1].append(store.read("predictions"))
    assert tables[0] == tables[1]
    again = _launch(folder, environment, *arguments)
    assert again.returncode == 0
    assert "All runs are in results/table1-epochs-2 already" in again.stdout


def test_interrupted_launch_keeps_what_was_finished_and_goes_on(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """Ctrl-C: exit status 130, then the same command trains only the rest."""
    arguments = ("-a", "baseline", "--seeds", "8", "--epochs", "12")
    runs = tmp_path / "results" / "table1-epochs-12" / "runs"
    process = subprocess.Popen(
        [*INTERRUPTIBLE, "launch", *arguments],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(runs.glob("*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")
    assert "a launch into the same folder goes on from there" in " ".join(printed.split())
    kept = {path: path.stat().st_mtime_ns for path in runs.glob("*.parquet")}
    assert 1 <= len(kept) < 8
    assert _launch(tmp_path, environment, *arguments).returncode == 0
    assert len(list(runs.glob("*.parquet"))) == 8
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_report_of_a_launch_has_its_runs(tmp_path: Path, environment: dict[str, str]) -> None:
    """A study file from launch to report, with two workers."""
    study = 'name = "mine"\narchitectures = ["baseline", "siamese-separate"]\nseeds = "3-4"\n'
    (tmp_path / "mine.toml").write_text(f"{study}[recipe]\nepochs = 1\n")
    assert _launch(tmp_path, environment, "mine.toml", "--workers", "2").returncode == 0
    command = [*COMMAND, "report", "results/mine", "--json"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, check=True, text=True
    )
    report = json.loads(done.stdout)
    assert [(row["architecture"], row["accuracy"]["n"]) for row in report["rows"]] == [
        ("baseline", 2),
        ("siamese-separate", 2),
    ]
    assert report["missing"] == []


def test_bench_measures_the_driver(tmp_path: Path, environment: dict[str, str]) -> None:
    """As many runs as were asked for, a cost for each, and nothing left behind."""
    done = subprocess.run(
        [*COMMAND, "bench", "--runs", "20", "--json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    cost = json.loads(done.stdout)
    assert cost["runs"] == 20
    assert 0 < cost["driver_cpu_ms_per_run"] <= cost["wall_ms_per_run"] * 2
    assert list(tmp_path.iterdir()) == []
