"""`mnistcmp launch` as users run it: a process of its own, real MNIST, real Ray."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from mnistcmp.data.mnist import load_mnist
from mnistcmp.results.store import ResultsStore
from tests.support.clusters import INTERRUPTIBLE

pytestmark = pytest.mark.ray

COMMAND = (sys.executable, "-m", "mnistcmp")
METRICS = ["train_loss", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy"]


@pytest.fixture
def environment() -> dict[str, str]:
    """No Ray named."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RAY_", "MNISTCMP_"))
    }


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
        assert "Study table1-epochs-2, recipe epochs-2" in done.stdout
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
    """Ctrl-C: exit status 130, no further study; then the same command trains only the rest."""
    arguments = ("-a", "baseline", "--seeds", "40", "--epochs", "12", "--study", "table1")
    runs = tmp_path / "results" / "table1-epochs-12" / "runs"
    process = subprocess.Popen(
        [*INTERRUPTIBLE, "launch", *arguments, "--study", "activation"],
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
    words = " ".join(printed.split())
    assert "a launch into the same folder goes on from there. Not started: activation-ep" in words
    kept = {path: path.stat().st_mtime_ns for path in runs.glob("*.parquet")}
    store = ResultsStore(runs.parent)
    assert 1 <= len(store.finished_run_ids()) < 40
    assert _launch(tmp_path, environment, *arguments).returncode == 0
    assert len(store.finished_run_ids()) == 40
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_a_launch_that_is_told_to_end_stops_as_by_ctrl_c(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """SIGTERM, as `timeout` and schedulers of batch jobs send it."""
    process = subprocess.Popen(
        [*COMMAND, "launch", "-a", "baseline", "--seeds", "1", "--epochs", "1000"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert any("Training on this machine" in line for line in process.stdout)
    process.terminate()
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")
    assert "Interrupted. 0 new runs are kept" in printed


def test_report_of_a_launch_has_its_runs(tmp_path: Path, environment: dict[str, str]) -> None:
    """A study file from launch to report, with two workers."""
    study = 'name = "mine"\narchitectures = ["baseline", "siamese-separate"]\nseeds = "3-4"\n'
    (tmp_path / "mine.toml").write_text(f"{study}[recipe]\nepochs = 1\n")
    launched = _launch(tmp_path, environment, "mine.toml", "--workers", "2")
    assert launched.returncode == 0
    assert "The page is results/mine/report.html" in launched.stdout
    assert (tmp_path / "results" / "mine" / "report.html").exists()
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


def test_json_lines_are_for_scripts(tmp_path: Path, environment: dict[str, str]) -> None:
    """Standard output is events alone, one a line; what is for people goes to standard error."""
    arguments = "-a baseline --seeds 2 --epochs 1 --json-lines"
    done = _launch(tmp_path, environment, *arguments.split())
    assert done.returncode == 0
    assert "The page is" in done.stderr
    started, *progress, reported = [json.loads(line) for line in done.stdout.splitlines()]
    assert (started["kind"], started["total"], started["kept"]) == ("started", 2, 0)
    assert {event["kind"] for event in progress} == {"progress"}
    (condition,) = progress[-1]["conditions"]
    assert (condition["condition"], condition["finished"]) == ("baseline", 2)
    (row,) = reported["report"]["rows"]
    assert 100 * condition["mean"] == pytest.approx(row["accuracy"]["mean"])
    assert 100 * condition["deviation"] == pytest.approx(row["accuracy"]["deviation"])
    assert reported["output"] == "results/table1-epochs-1"


def test_named_studies_run_one_after_the_other(tmp_path: Path, environment: dict[str, str]) -> None:
    """Each into its folder, each with its report under its own question."""
    arguments = "--study table1 --study regularisation --seeds 1 --epochs 1 -a baseline"
    done = _launch(tmp_path, environment, *arguments.split())
    assert (done.returncode, done.stderr) == (0, "")
    for name, runs in (("table1-epochs-1", 1), ("regularisation-epochs-1", 4)):
        assert len(list((tmp_path / "results" / name / "runs").glob("*.parquet"))) == runs
    printed = " ".join(done.stdout.split())
    assert printed.index("Do weight sharing") < printed.index("What do dropout and batch norm do")
    assert "latest batch norm seed 0" in printed


def test_weights_are_kept_where_they_are_asked_for(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """From launch to an answer about two of MNIST's digits; a launch without --weights has none."""
    arguments = ("-a", "siamese-shared-aux", "--seeds", "0-1", "--epochs", "1")
    assert _launch(tmp_path, environment, *arguments, "--weights", "best").returncode == 0
    results = tmp_path / "results" / "table1-epochs-1"
    assert len(list((results / "weights").glob("*.safetensors"))) == 2
    assert _launch(tmp_path, environment, *arguments, "--fresh").returncode == 0
    assert not (tmp_path / "results" / "table1-epochs-1-2" / "weights").exists()
    for name, image in zip("ab", load_mnist().test.images, strict=False):
        Image.fromarray((255 * image).astype("uint8")).save(tmp_path / f"{name}.png")
    command = [*COMMAND, "predict", str(results), "a.png", "b.png", "--json"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, check=True, text=True
    )
    answer = json.loads(done.stdout)
    assert 0 <= answer["probability"] <= 1
    assert answer["model"]["best_of"] == 2


def test_bench_measures_all_that_is_asked_for(tmp_path: Path, environment: dict[str, str]) -> None:
    """Every architecture in every way, a cost per run, one worker and all; nothing is left."""
    arguments = ("bench", "--runs", "20", "--rounds", "1", "--width", "2", "--json")
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    ways = [timing["way"] for timing in found["engine"]["timings"]]
    loops = ["plain loop, channels last", "plain loop", "DataLoader, default Adam"]
    assert ways == ["stacked", "plain engine", *loops] * 5
    assert all(timing["mfu"] > 0 for timing in found["engine"]["timings"])
    cost = found["driver"]
    assert cost["runs"] == 20
    assert 0 < cost["driver_cpu_ms_per_run"] <= cost["wall_ms_per_run"] * 2
    assert [point["workers"] for point in found["scaling"]] == sorted({1, cost["workers"]})
    assert all(0 < point["training_share"] <= 1 for point in found["scaling"])
    assert list(tmp_path.iterdir()) == []
