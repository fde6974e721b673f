"""What is said of surroundings that something is wrong with, each as it is in earnest."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest

import mnistcmp as package
from mnistcmp.cluster.doctor import SHARED_MEMORY
from tests.support.commands import mnistcmp, without_clusters, without_modules
from tests.support.dashboard import dashboard
from tests.support.servers import free_port

MOUNTS = """
mount -t tmpfs -o size=16m none /dev/shm && mount -t tmpfs -o ro none /mnt && PATH=$0 exec "$@"
"""
SHM = str(SHARED_MEMORY)


def _found(done: "subprocess.CompletedProcess[str]") -> dict[str, tuple[str, str]]:
    """State and text of each line; what is printed for scripts is what people see."""
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr.count("\n")) == ((0, 0) if found["works"] else (1, 1))
    return {each["about"]: (each["state"], each["text"]) for each in found["findings"]}


def _states(found: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    return {about: state for about, (state, _) in found.items() if state != "ok"}


@pytest.mark.ray
def test_each_thing_that_is_wrong_is_named_with_what_to_do(tmp_path: Path) -> None:
    """A cluster that is gone, no Docker, small shared memory, and a folder that is read-only.

    MNIST needs no folder; results do, without which nothing is launched.
    """
    unshare = shutil.which("unshare")
    space = [unshare or "unshare", "--user", "--map-root-user", "--mount"]
    if unshare is None or subprocess.run([*space, "true"], check=False).returncode:
        pytest.skip("this machine makes no mount namespaces")
    address, nowhere = f"http://127.0.0.1:{free_port()}", str(tmp_path)
    environment = without_clusters() | {"RAY_ADDRESS": address}
    shell = [*space, "sh", "-c", MOUNTS, nowhere]
    # The temporary folder itself may be in shared memory.
    command = "doctor", "--json", "--output", "/mnt"
    found = _found(mnistcmp(Path.cwd(), environment, *command, within=shell))
    assert _states(found) == {
        "Docker": "note",
        "cluster": "note",
        SHM: "note",
        "results": "fails",
    }
    assert "ENGINE=processes" in found["Docker"][1]
    assert f"no cluster answers at {address} (RAY_ADDRESS)" in found["cluster"][1]
    assert "or take --local" in found["cluster"][1]
    assert "16 MiB free, of which Ray takes 256" in found[SHM][1]
    assert "--shm-size 384m" in found[SHM][1]
    assert "cannot write to the output folder /mnt: " in found["results"][1]
    assert "Choose another with --output" in found["results"][1]
    assert "70,000 digits" in found["MNIST"][1]
    assert version("ray") in found["Ray"][1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.process
def test_a_cluster_of_another_version_is_named(tmp_path: Path) -> None:
    """With the token that is sent to it, and by a client that has no torch, which is named too."""
    node = {"state": "ALIVE", "node_name": "head", "resources_total": {"CPU": 2.0}}
    client = without_clusters() | without_modules(tmp_path / "lacks", "torch")
    with dashboard() as other:
        other.answers["/api/version"] = b'{"ray_version": "2.40.0"}'
        nodes = {"data": {"result": {"result": [node]}}}
        other.answers["/api/v0/nodes"] = json.dumps(nodes).encode()
        environment = client | {"RAY_AUTH_TOKEN": "secret"}
        done = mnistcmp(tmp_path, environment, "doctor", "--json", "--address", other.address)
    found = _found(done)
    assert found["cluster"][0] == "note"
    assert f"has Ray 2.40.0 on node head, and this machine {version('ray')}" in found["cluster"][1]
    assert "or install what it has" in found["cluster"][1]
    assert found["token"] == ("ok", "one is sent to the cluster")
    assert {token for _, token in other.asked} == {"Bearer secret"}
    for about in ("torch", "MNIST", "Ray"):
        assert found[about][0] == "fails"
        assert "torch is not installed, as for a client only. Install" in found[about][1]


@pytest.mark.process
def test_digits_that_are_damaged_are_named(tmp_path: Path) -> None:
    """In a copy of the package; its lines are printed for people here."""
    shutil.copytree(Path(package.__file__).parent, tmp_path / "copy" / "mnistcmp")
    damaged = tmp_path / "copy/mnistcmp/data/mnist/t10k-labels-idx1-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    lacks = without_modules(tmp_path / "lacks", "ray")
    paths = f"{tmp_path / 'copy'}:{lacks['PYTHONPATH']}"
    done = mnistcmp(tmp_path, without_clusters() | {"PYTHONPATH": paths}, "doctor")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    lines = {line[6:16].strip(): line for line in done.stdout.splitlines()}
    assert lines["torch"].startswith("ok ")
    assert lines["MNIST"].startswith("fails MNIST     t10k-labels-idx1-ubyte is truncated")
    assert "Install mnistcmp again" in lines["MNIST"]
    assert lines["Ray"].startswith("fails Ray       ray is not installed, as for a client only.")
    assert "A launch on this machine works" not in done.stdout
