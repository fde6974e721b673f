"""Faults of the compose cluster while a study trains: nothing is lost, and nothing stands still."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.study import RUNS, SEEDS, metrics, strike, write_study
from tests.containers.conftest import checkout, object_store
from tests.support.clusters import Checkout
from tests.support.docker import containers, docker, needs_docker

__all__ = ["checkout", "object_store"]

pytestmark = [pytest.mark.chaos, needs_docker[1]]

KILL = """
import glob, os, sys
for folder in sorted(glob.glob("/proc/[0-9]*"), key=lambda folder: int(folder.split("/")[-1])):
    try:
        command = open(folder + "/cmdline", "rb").read()
    except OSError:
        continue
    pid = int(folder.split("/")[-1])
    if sys.argv[1].encode() in command and pid != os.getpid():
        found = pid
os.kill(found, 9)
"""
"""Kills the youngest process whose command has a word in it; an image has neither ps nor pgrep."""

Fault = Callable[[Checkout], object]


def _cut_off(cluster: Checkout) -> None:
    worker = containers(cluster, "worker")[0]
    of = docker("inspect", worker, "--format", "{{json .NetworkSettings.Networks}}")
    docker("network", "disconnect", next(iter(json.loads(of))), worker)


def _to_a_worker(command: str) -> Fault:
    return lambda cluster: docker(command, containers(cluster, "worker")[0])


def _kill_in_head(word: str) -> Fault:
    return lambda cluster: docker(
        "exec", containers(cluster, "head")[0], "python", "-c", KILL, word
    )


FAULTS: dict[str, tuple[Fault, float]] = {
    "a worker is killed": (_to_a_worker("kill"), 60),
    "a worker is paused": (_to_a_worker("pause"), 60),
    "a worker is cut off": (_cut_off, 60),
    "the driver is killed": (_kill_in_head("run.py"), 120),
    "the head is killed": (_kill_in_head("gcs_server"), 120),
}
"""What happens, and for how many seconds nothing new may be told."""


@pytest.fixture
def cluster(checkout: Checkout) -> Checkout:
    """The cluster with two workers, whatever a test before did to it."""
    for worker in containers(checkout, "worker"):
        docker("rm", "--force", worker)
    assert checkout.up("containers").returncode == 0
    return checkout


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fault", FAULTS)
def test_an_attached_launch_goes_through_it(
    fault: str, seed: int, cluster: Checkout, tmp_path: Path
) -> None:
    """And ends as if nothing had been, with each run once."""
    happens, longest = FAULTS[fault]
    output = cluster.results / f"{fault}-{seed}".replace(" ", "-")
    command = "launch", write_study(tmp_path), "--output", str(output), "--json-lines"
    launch = cluster.start(*command)
    stall = strike(launch, f"{fault} {seed}", lambda: happens(cluster))
    assert launch.returncode == 0
    assert len(metrics(output)) == RUNS
    assert stall < longest
