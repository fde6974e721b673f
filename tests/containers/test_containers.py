"""The compose cluster: image, containers, a study on them, and what is left of it."""

import ast
import json
import os
import socket
import stat
import time
from pathlib import Path

import pytest
import requests

from mnistcmp.cluster.node import OBJECT_STORE_BYTES
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.named import TABLE1
from mnistcmp.study.recipe import Recipe
from tests.support.clusters import Checkout, make_checkout
from tests.support.custom_networks import RAISING
from tests.support.docker import containers, docker, needs_docker
from tests.support.examples import README_EXAMPLE
from tests.support.servers import free_port

pytestmark = needs_docker


def test_containers_are_confined(checkout: Checkout) -> None:
    """No root, no capabilities, no new privileges, read-only root, bounded memory, an init."""
    found = containers(checkout, "head") + containers(checkout, "worker")
    assert len(found) == 3
    for details in json.loads(docker("inspect", *found)):
        host, user = details["HostConfig"], details["Config"]["User"]
        assert not user.startswith("0")
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert host["ReadonlyRootfs"]
        assert host["Init"]
        assert host["PidsLimit"] == 4096
        assert host["Memory"] == 4 * 2**30
        assert host["ShmSize"] > OBJECT_STORE_BYTES
        assert details["Config"]["StopTimeout"] == 45


def test_the_dashboard_is_on_loopback_and_asks_for_the_token(checkout: Checkout) -> None:
    """From another address of this machine nothing answers; without the token, 401."""
    assert requests.get(f"{checkout.address}/api/jobs/", timeout=10).status_code == 401
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # No packet is sent: the kernel only says from which address one would go.
        probe.connect(("192.0.2.1", 9))
        other = probe.getsockname()[0]
    assert not other.startswith("127.")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{other}:{checkout.port}/api/version", timeout=5)
    token = checkout.folder / ".cluster" / "token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600


def test_a_study_survives_a_killed_worker_and_its_rows_are_the_workers(
    checkout: Checkout,
) -> None:
    """All fifty, none twice, none on the head, files of the launching user's; logs can be read."""
    workers = containers(checkout, "worker")
    hosts = {container[:12] for container in workers}
    launch = checkout.start("launch", "--all", "--epochs", "4")
    output = checkout.results / "table1-epochs-4"
    deadline = time.monotonic() + 120
    while not list((output / "runs").glob("*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.1)
    docker("kill", workers[0])
    printed, errors = launch.communicate(timeout=300)
    assert (launch.returncode, errors) == (0, ""), printed
    wanted = TABLE1.under(Recipe(epochs=4)).runs()
    rows = ResultsStore(output).read("runs").to_pylist()
    assert sorted(row["run_id"] for row in rows) == sorted(run.run_id for run in wanted)
    assert len(rows) == 50
    assert {row["host"] for row in rows} <= hosts
    # The image was built from a copy that is no git checkout.
    assert {row["git_revision"] for row in rows} == {None}
    owner = os.getuid() or 10001
    # The page is the launching user's, who is root where there is no other.
    of_cluster = [path for path in output.rglob("*") if path.name != "report.html"]
    assert {path.stat().st_uid for path in of_cluster} == {owner}
    assert "Done. Results are in" in checkout.mnistcmp("logs").stdout
    assert "Ray runtime started" in checkout.manage("logs").stdout


def test_up_again_brings_the_killed_worker_back(checkout: Checkout) -> None:
    """And changes nothing else; the same numbers come out as at home."""
    head = containers(checkout, "head")
    up = checkout.up("containers")
    assert up.returncode == 0, up.stderr
    assert containers(checkout, "head") == head
    assert len(containers(checkout, "worker")) == 2
    arguments = ("-a", "siamese-separate-aux", "--seeds", "1", "--epochs", "2", "--output")
    there = checkout.mnistcmp("launch", *arguments, "results/there")
    here = checkout.mnistcmp("launch", *arguments, "here", "--local")
    assert (there.returncode, here.returncode) == (0, 0)
    columns = ["run_id", "train_loss", "validation_loss", "test_loss", "test_accuracy"]
    stores = (ResultsStore(checkout.results / "there"), ResultsStore(checkout.folder / "here"))
    found = [store.read("runs").select(columns) for store in stores]
    assert found[0] == found[1]


PROGRAM = """
print(sorted(results.runs["host"].unique()))


class Own(nn.Module):
    \"\"\"A class of the script itself.\"\"\"

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(392, 2))

    def forward(self, pairs):
        return self.layers(pairs)


try:
    mnistcmp.launch(mnistcmp.Study(name="own", architectures=[Own], seeds=1))
except mnistcmp.UserError as error:
    print(error)
"""


def test_the_readme_s_program_trains_on_the_cluster(checkout: Checkout) -> None:
    """It finds the one that is up; a script's own network is refused in a line."""
    done = checkout.python(f"from torch import nn\n\n{README_EXAMPLE}{PROGRAM}")
    assert done.returncode == 0, done.stderr
    hosts = {container[:12] for container in containers(checkout, "worker")}
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("['"))
    assert set(ast.literal_eval(line)) <= hosts
    assert "'__main__:Own' is defined in a script or notebook, which a cluster's" in done.stdout


def test_a_run_that_raises_there_is_understood_here(checkout: Checkout) -> None:
    """Its traceback and its last words come back, and it raises the same in this process."""
    (checkout.folder / "raising.py").write_text(RAISING, encoding="utf-8")
    launch = ("launch", "-a", "raising:Raising", "--seeds", "1", "--epochs", "4")
    done = checkout.mnistcmp(*launch, "--output", "results/raising")
    assert done.returncode == 1
    assert "'mnistcmp failures results/raising' shows why" in done.stdout
    listed = checkout.mnistcmp("failures", "results/raising").stdout
    assert "ValueError: no third epoch" in listed
    assert "in train" in listed
    assert "it says this before it raises" in listed
    run_id = ResultsStore(checkout.results / "raising").read("failures")["run_id"][0].as_py()
    again = checkout.mnistcmp("rerun", "results/raising", run_id)
    assert again.returncode == 1
    assert "ValueError: no third epoch" in again.stderr


def test_an_output_that_is_not_writable_inside_is_refused(checkout: Checkout) -> None:
    """By one line of the launch."""
    closed = checkout.results / "closed"
    closed.mkdir()
    if os.getuid() == 0:
        os.chown(closed, 0, 0)
    closed.chmod(0o555)
    done = checkout.mnistcmp("launch", "--all", "--output", "results/closed")
    assert done.returncode == 2
    assert "cannot write to the output folder /results/closed: Permission denied" in done.stderr
    assert done.stderr.count("\n") == 1


def test_down_leaves_no_container_network_or_root_s_file(tmp_path: Path) -> None:
    """What a cluster made goes with it; results and token stay, and are not root's."""
    checkout = make_checkout(tmp_path, free_port())
    try:
        assert checkout.up("containers", workers=1).returncode == 0
        project = next(
            value
            for container in containers(checkout, "head")
            for value in [
                docker(
                    "inspect",
                    "--format",
                    '{{index .Config.Labels "com.docker.compose.project"}}',
                    container,
                )
            ]
        )
        assert (
            checkout.mnistcmp(
                "launch", "-a", "baseline", "--seeds", "1", "--epochs", "1"
            ).returncode
            == 0
        )
    finally:
        assert checkout.manage("down").returncode == 0
    assert not (checkout.folder / ".cluster" / "aws_credentials").exists()
    of_project = f"label=com.docker.compose.project={project}"
    assert docker("ps", "--all", "--quiet", "--filter", of_project) == ""
    assert docker("network", "ls", "--quiet", "--filter", of_project) == ""
    assert docker("volume", "ls", "--quiet", "--filter", of_project) == ""
    left = {path.name for path in checkout.results.rglob("*") if path.stat().st_uid == 0}
    # The page is written by whoever launches.
    assert left <= {"report.html"}
