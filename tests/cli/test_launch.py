"""`mnistcmp launch` as users run it: a process of its own, real MNIST, real Ray."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from mnistcmp.data.mnist import load_mnist
from mnistcmp.results.store import ResultsStore
from tests.cli.test_every_command import IN_THE_WAY
from tests.support.clusters import INTERRUPTIBLE
from tests.support.commands import mnistcmp, without_clusters
from tests.support.servers import S3Server

pytestmark = pytest.mark.ray

COMMAND = (sys.executable, "-m", "mnistcmp")
METRICS = ["train_loss", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy"]


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """No Ray named."""
    return without_clusters()


STUDY = """\
name = "mine"
architectures = ["baseline", "siamese-shared-aux"]
seeds = "3-4"
[recipe]
epochs = 2
"""


NAMED = (
    "launch --study table1 --study regularisation -a baseline -a siamese-shared-aux --seeds 3-4 "
    "--epochs 2 --local --workers 1"
)
"""Two studies; the first has the runs of the study file."""


@dataclass(frozen=True)
class _Launched:
    """A folder that studies were launched in."""

    folder: Path
    results: Path
    printed: str
    errors: str


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> _Launched:
    """A launch for people, without weights, in surroundings that are as bad as they get.

    A long TMPDIR, -OO, a token and a home folder that cannot be read, files in workers' way.
    """
    folder = tmp_path_factory.mktemp("launched")
    long = folder / "-".join(["long"] * 25)
    long.mkdir()
    for name in IN_THE_WAY:
        (folder / f"{name}.py").write_text("# mine\n")
    surroundings = {
        "HOME": "/proc/none",
        "PYTHONOPTIMIZE": "2",
        "RAY_AUTH_TOKEN_PATH": "/proc",
        "TMPDIR": str(long),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "torch"),
    }
    done = mnistcmp(folder, environment | surroundings, *NAMED.split())
    assert done.returncode == 0, done.stderr
    assert not list(long.iterdir())
    return _Launched(folder, folder / "results" / "table1-epochs-2", done.stdout, done.stderr)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> _Launched:
    """A launch of a study file for a script, on two workers, with weights."""
    folder = tmp_path_factory.mktemp("scripted")
    (folder / "mine.toml").write_text(STUDY)
    options = ("--json-lines", "--weights", "best", "--workers", "2")
    done = mnistcmp(folder, environment, "launch", "mine.toml", *options)
    assert done.returncode == 0, done.stderr
    return _Launched(folder, folder / "results" / "mine", done.stdout, done.stderr)


def test_a_launch_tells_what_it_does_and_leaves_a_page(launched: _Launched) -> None:
    """From its beginning to its report, with nothing on standard error."""
    assert launched.errors == ""
    assert "Study table1-epochs-2 on this machine" in launched.printed
    assert "Study table1-epochs-2, recipe" in launched.printed
    assert "The page is results/table1-epochs-2/report.html" in launched.printed
    assert (launched.results / "report.html").exists()


def test_named_studies_run_one_after_the_other(launched: _Launched) -> None:
    """Each into its folder, each with its report under its own question."""
    for name, runs in (("table1-epochs-2", 4), ("regularisation-epochs-2", 16)):
        assert len(ResultsStore(launched.folder / "results" / name).finished_run_ids()) == runs
    printed = " ".join(launched.printed.split())
    assert printed.index("Do weight sharing") < printed.index("What do dropout and batch norm do")
    assert re.search(r"\[16/16\] 100%, .*batch norm 2/2 ", printed)


def test_a_launch_needs_nothing_of_its_surroundings_and_gives_the_same_everywhere(
    launched: _Launched, scripted: _Launched
) -> None:
    """Bit for bit, in whatever folder, process or study it was trained, and whoever listened."""
    keys = {"runs": ["run_id"], "epochs": ["run_id", "epoch"], "predictions": ["run_id", "pair"]}
    for table, columns in keys.items():
        first, second = (
            ResultsStore(each.results).read(table).sort_by([(key, "ascending") for key in columns])
            for each in (launched, scripted)
        )
        names = METRICS if table == "runs" else [n for n in first.column_names if n != "study"]
        assert len(first) > 0
        assert first.select(names) == second.select(names)


def test_a_launch_of_what_is_there_trains_nothing(
    scripted: _Launched, environment: dict[str, str]
) -> None:
    """It reports again."""
    again = mnistcmp(scripted.folder, environment, "launch", "mine.toml")
    assert again.returncode == 0
    assert "All runs are in results/mine already" in again.stdout
    assert "Study mine, recipe" in again.stdout


def test_json_lines_are_for_scripts(scripted: _Launched) -> None:
    """Standard output is events alone, one a line; what is for people goes to standard error."""
    assert "The page is" in scripted.errors
    started, *progress, reported = map(json.loads, scripted.printed.splitlines())
    assert (started["kind"], started["total"], started["kept"]) == ("started", 4, 0)
    assert {event["kind"] for event in progress} == {"progress"}
    conditions = {each["condition"]: each for each in progress[-1]["conditions"]}
    rows = {row["architecture"]: row for row in reported["report"]["rows"]}
    assert set(conditions) == set(rows) == {"baseline", "siamese-shared-aux"}
    for name, condition in conditions.items():
        assert condition["finished"] == rows[name]["accuracy"]["n"] == 2
        for statistic in ("mean", "deviation"):
            assert 100 * condition[statistic] == pytest.approx(rows[name]["accuracy"][statistic])
    assert reported["report"]["missing"] == []
    assert reported["output"] == "results/mine"


def test_weights_are_kept_where_they_are_asked_for(
    launched: _Launched, scripted: _Launched, environment: dict[str, str]
) -> None:
    """They answer about two of MNIST's digits; a launch without --weights has none."""
    assert not (launched.results / "weights").exists()
    assert len(list((scripted.results / "weights").glob("*.safetensors"))) == 4
    for name, image in zip("ab", load_mnist().test.images, strict=False):
        Image.fromarray((255 * image).astype("uint8")).save(scripted.folder / f"{name}.png")
    done = mnistcmp(
        scripted.folder, environment, "predict", "results/mine", "a.png", "b.png", "--json"
    )
    answer = json.loads(done.stdout)
    assert 0 <= answer["probability"] <= 1
    assert answer["model"]["best_of"] == 4


def test_interrupted_launch_keeps_what_was_finished_and_goes_on(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """Ctrl-C: exit status 130, no further study; then the same command trains only the rest.

    Standard error is a terminal, where it is said that Ray starts, which takes seconds.
    """
    arguments = ("-a", "baseline", "--seeds", "40", "--epochs", "4", "--study", "table1")
    runs = tmp_path / "results" / "table1-epochs-4" / "runs"
    terminal, errors = os.openpty()
    process = subprocess.Popen(
        [*INTERRUPTIBLE, "launch", *arguments, "--study", "activation"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(runs.glob("*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    said = os.read(terminal, 1000)
    for end in (terminal, errors):
        os.close(end)
    assert (process.returncode, said) == (130, b"Starting Ray ...\r\n")
    words = " ".join(printed.split())
    assert "a launch into the same folder goes on from there. Not started: activation-ep" in words
    kept = {path: path.stat().st_mtime_ns for path in runs.glob("*.parquet")}
    store = ResultsStore(runs.parent)
    assert 1 <= len(store.finished_run_ids()) < 40
    assert mnistcmp(tmp_path, environment, "launch", *arguments).returncode == 0
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


def test_bench_measures_all_that_is_asked_for(tmp_path: Path, environment: dict[str, str]) -> None:
    """Every architecture in every way, a cost per run; nothing is left."""
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
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "S3"])
def test_of_two_launches_that_begin_at_once_one_trains(
    kind: str,
    tmp_path: Path,
    environment: dict[str, str],
    request: pytest.FixtureRequest,
) -> None:
    """The other says who does, in one line, and nothing is trained twice."""
    output = "results"
    if kind == "S3":
        server: S3Server = request.getfixturevalue("s3_server")
        environment = environment | server.environment
        output = f"s3://{server.make_bucket()}/results"
    command = ("launch", "-a", "baseline", "--seeds", "4", "--epochs", "2", "--workers", "1")
    both = [
        subprocess.Popen(
            [*COMMAND, *command, "--output", output, "--json-lines"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120) for process in both]
    (first, (printed, _)), (second, (nothing, error)) = sorted(
        zip(both, told, strict=True), key=lambda each: each[0].returncode
    )
    assert (first.returncode, second.returncode) == (0, 2)
    assert nothing == ""
    *_, line = error.splitlines()
    assert line.startswith(
        f"mnistcmp: {output} is being trained into already, by process {first.pid} on"
    )
    assert json.loads(printed.splitlines()[-1])["trained"] == 4
