"""Jobs on a cluster: `make cluster-up` as processes, then the command as users call it."""

import http.server
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from mnistcmp.cluster.events import Refused, from_line
from mnistcmp.cluster.job import run_job
from mnistcmp.data.mnist import Mnist
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.study import Run
from mnistcmp.training.result import TrainingResult
from tests.support.clusters import KINDS, Checkout, make_checkout
from tests.support.commands import TRAINING, mnistcmp, mnistcmp_in_turn, without_modules
from tests.support.custom_networks import RIGHT
from tests.support.servers import S3Server, free_port
from tests.support.stored import losses, losses_here

pytestmark = pytest.mark.ray

STUDY = """\
name = "small"
architectures = ["baseline", "siamese-shared-aux"]
seeds = "0-1"
[recipe]
epochs = 1
train_pairs = 100
test_pairs = 40
"""
OWN = ("package.nets:Mine", "single:mine")
"""A user's own networks: in a package, and in a file that imports one beside it."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server) -> Iterator[Checkout]:
    """A checkout with a cluster of two workers up."""
    made = make_checkout(tmp_path_factory.mktemp("checkout"), free_port(), **s3_server.environment)
    up = made.up("processes")
    assert up.returncode == 0, up.stderr
    (made.folder / "small.toml").write_text(STUDY)
    yield made
    made.manage("down")


def _one_line(done: "subprocess.CompletedProcess[str]") -> str:
    """What a refused command printed on standard error."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


def _job_ids(checkout: Checkout) -> list[str]:
    token = (checkout.folder / ".cluster" / "token").read_text()
    answer = requests.get(
        f"{checkout.address}/api/jobs/", headers={"Authorization": f"Bearer {token}"}, timeout=10
    )
    return [job["submission_id"] for job in answer.json()]


@pytest.fixture(scope="module")
def launched(checkout: Checkout) -> "subprocess.CompletedProcess[str]":
    """The first launch of the small study, come to its end."""
    return checkout.mnistcmp("launch", "small.toml")


@pytest.mark.usefixtures("launched")
def test_jobs_status_logs_and_attach_tell_of_a_job(checkout: Checkout, tmp_path: Path) -> None:
    """By its id or as the latest, on a machine that has neither torch nor Ray."""
    (latest,) = _job_ids(checkout)
    lines = ["jobs", "status", f"logs {latest}", "logs", "logs -f", f"attach {latest}"]
    environment = checkout.environment | without_modules(tmp_path / "lacks", *TRAINING)
    done = mnistcmp_in_turn(checkout.folder, environment, lines, tmp_path)
    assert {command.returncode for command in done.values()} == {0}
    jobs, status, named, logs, followed, attached = (
        command.stdout.decode() for command in done.values()
    )
    assert latest in jobs.split()
    assert latest.startswith("small-")
    assert "3 nodes, 2 CPUs and 0 GPUs for tasks" in status
    assert "4 of 4 runs finished, 0 failed" in status
    assert "Done. Results are in" in named
    assert followed == logs
    assert "Study small, recipe" in attached


def test_launch_trains_on_the_cluster_and_reports_as_at_home(
    checkout: Checkout,
    launched: "subprocess.CompletedProcess[str]",
    results: dict[Run, TrainingResult],
) -> None:
    """The rows have the numbers of a training in this process; a second launch trains nothing."""
    assert (launched.returncode, launched.stderr) == (0, "")
    assert "on the cluster at" in launched.stdout
    assert "Results go to results/small" in launched.stdout
    assert "Study small, recipe" in launched.stdout
    stored = ResultsStore(checkout.results / "small").read("runs").to_pylist()
    by_id = {row["run_id"]: row["test_loss"] for row in stored}
    assert by_id == {run.run_id: result.test.loss for run, result in results.items()}
    again = checkout.mnistcmp("launch", "small.toml")
    assert "All runs are in results/small already." in again.stdout


@pytest.mark.usefixtures("launched")
def test_a_launch_can_be_submitted_and_left(checkout: Checkout) -> None:
    """Its last line says how to follow it, which shows all of it."""
    left = checkout.mnistcmp(
        "launch", "small.toml", "--detach", "-o", "results/left", "--seeds", "5,6"
    )
    assert (left.returncode, left.stderr) == (0, "")
    *_, command, job = left.stdout.split()
    assert left.stdout.splitlines()[-1] == f"To follow it: mnistcmp {command} {job}"
    assert not (checkout.results / "left").exists()
    watched = checkout.mnistcmp("status", job, "--watch")
    assert (watched.returncode, watched.stderr) == (0, "")
    assert "[4/4] 100%" in watched.stdout
    assert f"Job {job}: succeeded" in watched.stdout
    attached = checkout.mnistcmp("attach", job)
    assert (attached.returncode, attached.stderr) == (0, "")
    assert "4 runs to train. Results go to" in attached.stdout
    assert "Study small, recipe" in attached.stdout


def test_results_go_to_an_object_store_and_are_read_from_it(
    checkout: Checkout, s3_server: S3Server
) -> None:
    """The head writes to the URI; `report URI` reads it here."""
    place = f"s3://{s3_server.make_bucket()}/small"
    assert checkout.mnistcmp("launch", "small.toml", "--output", place).returncode == 0
    report = checkout.mnistcmp("report", place, "--markdown")
    assert (report.returncode, report.stderr) == (0, "")
    assert "siamese-shared-aux" in report.stdout


def test_ctrl_c_detaches_and_stop_stops(checkout: Checkout, tmp_path: Path) -> None:
    """The job goes on without its launch, until it is stopped; what it trained is kept."""
    launch = checkout.start("launch", "-a", "baseline", "--seeds", "400", "--epochs", "4")
    runs = checkout.results / "table1-epochs-4" / "runs"
    deadline = time.monotonic() + 90
    while not list(runs.glob("*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.1)
    launch.send_signal(signal.SIGINT)
    printed, errors = launch.communicate(timeout=30)
    assert (launch.returncode, errors) == (130, "")
    job = printed.split("mnistcmp stop ")[1].split()[0]
    trained = len(list(runs.glob("*.parquet")))
    deadline = time.monotonic() + 90
    while len(list(runs.glob("*.parquet"))) <= trained and time.monotonic() < deadline:
        time.sleep(0.1)
    client = without_modules(tmp_path / "lacks", *TRAINING)
    assert checkout.mnistcmp("stop", job, **client).returncode == 0
    assert len(list(runs.glob("*.parquet"))) > trained
    assert len(ResultsStore(runs.parent).finished_run_ids()) < 400
    assert "stopped" in checkout.mnistcmp("status", job).stdout
    attached = checkout.mnistcmp("attach", job)
    assert attached.returncode == 1
    ended = attached.stderr
    assert "was stopped before its end" in ended
    assert "has ended already: stopped" in _one_line(checkout.mnistcmp("stop", job))


def test_a_second_launch_into_the_same_output_is_refused_while_the_first_runs(
    checkout: Checkout,
) -> None:
    """It would train the same runs again; the line names the job to attach to."""
    first = checkout.start("launch", "-a", "baseline", "--seeds", "200", "--epochs", "31")
    while not (checkout.results / "table1-epochs-31").exists():
        time.sleep(0.1)
        assert first.poll() is None
    arguments = ("launch", "-a", "baseline", "--seeds", "300", "--epochs", "31")
    line = _one_line(checkout.mnistcmp(*arguments))
    job = line.split("mnistcmp attach ")[1].split(",")[0]
    assert checkout.mnistcmp("stop", job).returncode == 0
    _, errors = first.communicate(timeout=60)
    assert first.returncode == 1
    assert f"the job {job} was stopped before its end" in errors


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ("{not json", "the job's request is wrong at the whole: Invalid JSON"),
        ("nowhere.json", "cannot read the job's request nowhere.json: No such file"),
        ('{"kind": "lunch"}', "unknown kind of job 'lunch'; did you mean 'launch'?"),
        ('{"output": "x"}', "wrong at study: Field required"),
        ('{"study": {"name": "x"}, "outptu": "y"}', "wrong at outptu: Extra inputs"),
        ('{"study": {"name": "x"}, "device": "gpu"}', "wrong at device: Input should be"),
        ('{"study": {"name": "x", "sedes": 3}}', "unknown study field 'sedes'"),
    ],
)
def test_a_wrong_job_request_is_refused(
    capsys: pytest.CaptureFixture[str], request_: str, message: str
) -> None:
    """People write them too, for Slurm and Kubernetes."""
    assert run_job(request_, KINDS) == 2
    event = from_line(capsys.readouterr().out)
    assert isinstance(event, Refused)
    assert message in event.message


def test_an_unknown_job_is_refused(checkout: Checkout, tmp_path: Path) -> None:
    """For every command that takes one."""
    lines = [f"{command} nonesuch" for command in ("status", "logs", "attach", "stop")]
    done = mnistcmp_in_turn(checkout.folder, checkout.environment, lines, tmp_path)
    for refused in done.values():
        assert refused.returncode == 2
        assert refused.stderr.count(b"\n") == 1
        assert b"there is no job 'nonesuch'" in refused.stderr


@pytest.mark.parametrize(
    ("token", "status", "message"),
    [("", 401, "asks for a token (HTTP 401)"), ("wrong", 403, "refuses the token it was given")],
)
def test_without_the_token_nothing_is_submitted(
    checkout: Checkout, tmp_path: Path, token: str, status: int, message: str
) -> None:
    """The API refuses, and the command says so in one line."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.get(f"{checkout.address}/api/jobs/", headers=headers, timeout=10)
    assert answer.status_code == status
    before = _job_ids(checkout)
    done = subprocess.run(
        [sys.executable, "-m", "mnistcmp", "launch", "--all", "--address", checkout.address],
        cwd=tmp_path,
        env=checkout.environment | {"RAY_AUTH_TOKEN": token, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert message in _one_line(done)
    assert _job_ids(checkout) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--device", "cuda"), "asks for 1 CPU and 1 GPU of one machine, and the cluster at"),
        (("--output", "elsewhere"), "the cluster does not see the folder elsewhere"),
        (("--workers", "3"), "--workers is for this machine"),
        (("--local", "--address", "http://x:1"), "--local and --address cannot go together"),
        (("--address", "http://127.0.0.1:9"), "no cluster answers at http://127.0.0.1:9"),
        (("--address", "127.0.0.1:6379"), "is not the address of a Ray dashboard"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_before_it_is_submitted(
    checkout: Checkout, arguments: tuple[str, ...], message: str
) -> None:
    """One line, and no job."""
    before = _job_ids(checkout)
    assert message in _one_line(checkout.mnistcmp("launch", "--all", *arguments))
    assert _job_ids(checkout) == before


class _ListHandler(http.server.BaseHTTPRequestHandler):
    """Answers everything with an empty JSON list."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"[]")


@pytest.mark.parametrize(
    ("handler", "found"),
    [
        (http.server.BaseHTTPRequestHandler, "HTTP 501 at /api/version"),
        (_ListHandler, "JSON of another kind, Input should be an object at /api/version"),
    ],
)
def test_what_is_not_ray_is_refused(
    checkout: Checkout, handler: type[http.server.BaseHTTPRequestHandler], found: str
) -> None:
    """Web servers of other kinds."""
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    line = _one_line(checkout.mnistcmp("launch", "--all", MNISTCMP_ADDRESS=address))
    server.shutdown()
    server.server_close()
    assert f"is not a Ray dashboard ({found})" in line


def test_another_version_is_refused(checkout: Checkout) -> None:
    """The line names both versions; nothing is submitted."""
    program = (
        "import sys, mnistcmp; mnistcmp.__version__ = '9.9'; sys.argv[0] = 'mnistcmp'; "
        "from mnistcmp.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "launch", "--all"],
        cwd=checkout.folder,
        env=checkout.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "has mnistcmp-version 0.1.0 on node" in _one_line(done)
    assert "and this machine 9.9" in done.stderr


def test_an_output_that_the_head_cannot_write_is_refused(checkout: Checkout) -> None:
    """By the driver, as one line of the launch."""
    (checkout.results / "blocked").write_text("a file")
    line = _one_line(checkout.mnistcmp("launch", "--all", "--output", "results/blocked"))
    assert "cannot be a folder: blocked is a file" in line


@pytest.fixture
def nets(custom_folder: Path) -> Path:
    """A folder with the own networks, and the study `both.toml` of them."""
    package = custom_folder / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "nets.py").write_text("from package.parts import Digits\nMine = Digits\n")
    (package / "parts.py").write_text(RIGHT)
    (custom_folder / "single.py").write_text("from beside import plain\nmine = plain\n")
    (custom_folder / "beside.py").write_text(RIGHT)
    study = STUDY.replace("siamese-shared-aux", '", "'.join(OWN))
    (custom_folder / "both.toml").write_text(study)
    return custom_folder


def test_a_cluster_trains_what_is_shipped_to_it(
    checkout: Checkout, nets: Path, mnist: Mnist
) -> None:
    """A package and a single file, from a folder that the cluster does not see.

    It has stale files of the same names. The results go into a fresh folder.
    """
    (checkout.folder / "package").mkdir(exist_ok=True)
    for stale in ("package/__init__.py", "package/nets.py", "single.py", "beside.py"):
        (checkout.folder / stale).touch()
    token = (checkout.folder / ".cluster" / "token").read_text()
    environment = checkout.environment | {"RAY_AUTH_TOKEN": token}
    taken, output = checkout.results / "both", checkout.results / "both-2"
    taken.mkdir()
    arguments = ("launch", "both.toml", "--address", checkout.address, "--output", str(taken))
    done = mnistcmp(nets, environment, *arguments, "--fresh")
    assert (done.returncode, done.stderr) == (0, "")
    assert losses(output) == losses_here(nets / "both.toml", mnist)
    assert tuple(ResultsStore(output).launches()[0].sources) == OWN
    shutil.rmtree(nets / "package")
    for file in ("single.py", "beside.py"):
        (nets / file).unlink()
    report = mnistcmp(nets, environment, "report", str(output), "--markdown")
    assert all(name in report.stdout for name in OWN)


def test_up_is_idempotent_and_scales_and_down_leaves_nothing(
    checkout: Checkout, tmp_path: Path
) -> None:
    """Up again changes no process, or the number of workers; down stops what up started.

    The last test of the file: the cluster is gone after it.
    """
    first = checkout.state()
    assert (checkout.folder / ".cluster" / "token").stat().st_mode & 0o777 == 0o600
    assert checkout.up("processes", workers=2).returncode == 0
    assert checkout.state() == first
    assert checkout.up("processes", workers=3).returncode == 0
    grown = checkout.state()
    assert list(grown.details["pids"])[:3] == list(first.details["pids"])
    assert len(grown.details["pids"]) == 4
    assert checkout.up("processes", workers=2).returncode == 0
    assert checkout.state().details == first.details
    taken = make_checkout(tmp_path, checkout.port)
    assert "is taken" in _one_line(taken.up("processes"))
    down = checkout.manage("down")
    assert down.stdout == "The cluster is down.\n"
    temporary = first.details["temporary"]
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)  # noqa: S607
    assert temporary not in left.stdout
    assert not Path(temporary).exists()
    assert "No cluster is up" in checkout.manage("down").stdout
    assert checkout.mnistcmp("jobs").stderr.startswith("mnistcmp: no cluster is named or up")
