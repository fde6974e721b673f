"""Faults of the compose cluster while a study trains: nothing is lost, and nothing stands still."""

import json
import time
from collections.abc import Callable, Mapping

import pytest

from tests.chaos.conftest import Record
from tests.chaos.injection import LONGEST_LAUNCH, STUDIES, Disturbed, Fault, Launch
from tests.chaos.study import LAUNCH, Metrics, write_study
from tests.containers.conftest import checkout, object_store
from tests.support.clusters import Checkout
from tests.support.docker import IMAGE, containers, docker, needs_docker

__all__ = ["checkout", "object_store"]

pytestmark = [pytest.mark.chaos, needs_docker[1]]

AWAY = 15.0
"""Seconds for which a worker is paused, cut off or down."""

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

OLDER = f"""
FROM {IMAGE}
USER root
RUN sed -i 's/^__version__ = .*/__version__ = "0.0.1"/' \\
  "$(python -c 'import mnistcmp; print(mnistcmp.__file__)')"
"""
"""An image of another version."""


def _in_each_worker(cluster: Checkout, *command: str) -> None:
    for worker in containers(cluster, "worker"):
        docker("exec", worker, *command)


def _wish(cluster: Checkout, name: str) -> Callable[[Launch], object]:
    make = "sh", "-c", f"mkdir -p /tmp/wishes && touch /tmp/wishes/{name}"
    return lambda _: _in_each_worker(cluster, *make)


def _kill_in_head(cluster: Checkout, word: str) -> Callable[[Launch], object]:
    return lambda _: docker("exec", containers(cluster, "head")[0], "python", "-c", KILL, word)


def _cut_off(cluster: Checkout) -> None:
    worker = containers(cluster, "worker")[0]
    of = docker("inspect", worker, "--format", "{{json .NetworkSettings.Networks}}")
    network = next(iter(json.loads(of)))
    docker("network", "disconnect", network, worker)
    time.sleep(AWAY)
    docker("network", "connect", network, worker)


def _to_a_worker(cluster: Checkout, does: str, undoes: str) -> None:
    worker = containers(cluster, "worker")[0]
    docker(does, worker)
    time.sleep(AWAY)
    docker(undoes, worker)


def _add_older(cluster: Checkout) -> None:
    """A worker of another version joins, and stays for a while."""
    worker = json.loads(docker("inspect", containers(cluster, "worker")[0]))[0]
    config = worker["Config"]
    network = next(iter(worker["NetworkSettings"]["Networks"]))
    options = ["--detach", f"--network={network}", f"--user={config['User']}"]
    options += [f"--env={each}" for each in config["Env"]]
    options += [f"--volume={each['Source']}:{each['Destination']}:ro" for each in worker["Mounts"]]
    image = docker("build", "--quiet", "-", program=OLDER)
    older = docker("run", *options, image, *config["Cmd"])
    time.sleep(AWAY)
    docker("rm", "--force", older)


def _faults(cluster: Checkout) -> list[Fault]:
    return [
        Fault(
            name="a worker is killed",
            happens=lambda _: _to_a_worker(cluster, "kill", "start"),
        ),
        Fault(
            name="a worker is paused",
            happens=lambda _: _to_a_worker(cluster, "pause", "unpause"),
        ),
        Fault(name="a worker is cut off", happens=lambda _: _cut_off(cluster)),
        Fault(name="the driver is killed", happens=_kill_in_head(cluster, "run.py")),
        Fault(name="the head is killed", happens=_kill_in_head(cluster, "gcs_server"), longest=120),
        Fault(name="who follows it is killed", happens=lambda launch: launch.kill(), status=-9),
        Fault(name="memory runs out", happens=_wish(cluster, "eat")),
        Fault(name="a run raises", happens=_wish(cluster, "raise"), status=1),
        Fault(name="a run hangs", happens=_wish(cluster, "hang"), status=1, longest=100),
        Fault(name="a worker of another version joins", happens=lambda _: _add_older(cluster)),
        Fault(
            name="a worker is added",
            happens=lambda _: cluster.up("containers", workers=3),
        ),
        Fault(
            name="workers are taken away but one",
            happens=lambda _: cluster.up("containers", workers=1),
        ),
    ]


@pytest.fixture
def cluster(checkout: Checkout) -> Checkout:
    """The cluster with two workers, whatever a test before did to it."""
    for worker in containers(checkout, "worker"):
        docker("rm", "--force", worker)
    assert checkout.up("containers").returncode == 0
    return checkout


@pytest.mark.parametrize("study", STUDIES)
def test_nothing_is_lost_on_a_cluster(
    study: int, cluster: Checkout, undisturbed: Metrics, record: Record
) -> None:
    """An attached launch goes through it, and ends as if nothing had been."""
    write_study(cluster.folder)
    output = str(cluster.results / f"chaos-{study}")

    def start(_: Mapping[str, str], status: int | None) -> Launch:
        if status == -9:
            return cluster.start("attach", "--json-lines")
        # Its last worker's memory may have run out a moment ago: it is on its way back.
        deadline = time.monotonic() + LONGEST_LAUNCH
        while ", 0 CPUs" in cluster.mnistcmp("status").stdout and time.monotonic() < deadline:
            time.sleep(1)
        return cluster.start(*LAUNCH, "--output", output)

    disturbed = Disturbed("compose cluster", study, output, _faults(cluster), start)
    disturbed.train()
    record(found := disturbed.outcome(undisturbed))
    disturbed.check(found)
