"""The image: what is in it, and a launch in one container of it."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from mnistcmp import __version__
from mnistcmp.results.store import ResultsStore
from tests.support.clusters import Checkout
from tests.support.docker import CONFINED, IMAGE, docker, needs_docker

BASE = "python:3.11-slim-bookworm"
KUBERNETES = Path(__file__).resolve().parents[2] / "cluster" / "kubernetes"

pytestmark = [*needs_docker, pytest.mark.usefixtures("checkout")]


def test_the_image_is_small_labelled_and_not_root_s() -> None:
    """Under 2 GB above its base; no compiler, no pip, MNIST inside, a fixed user."""
    image, base = (json.loads(docker("image", "inspect", name))[0] for name in (IMAGE, BASE))
    assert image["Size"] - base["Size"] < 2e9
    assert image["Config"]["User"] == "10001:10001"
    labels = image["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.opencontainers.image.base.name"] == BASE
    look = "command -v gcc cc pip; mnistcmp data verify | grep -c ok; id -u"
    assert docker("run", "--rm", IMAGE, "sh", "-c", look).split() == ["4", "10001"]


def test_the_inventory_lies_in_the_image_and_beside_it(checkout: Checkout) -> None:
    """CycloneDX: what pip installed and what Debian did, each with its version."""
    beside = checkout.folder / "dist" / f"{IMAGE.replace(':', '-')}.cdx.json"
    inside = docker("run", "--rm", IMAGE, "cat", "/opt/sbom.cdx.json")
    assert beside.read_text(encoding="utf-8").strip() == inside
    content = json.loads(inside)
    assert content["bomFormat"] == "CycloneDX"
    found = {component["name"]: component["version"] for component in content["components"]}
    python = "from importlib import metadata as m; print(*(m.version(n) for n in ('ray', 'torch')))"
    versions = docker("run", "--rm", IMAGE, "python", "-c", python).split()
    assert [found["ray"], found["torch"]] == versions
    assert found["mnistcmp"] == __version__
    debian = docker("run", "--rm", IMAGE, "dpkg-query", "-W", "-f", "${Version}", "libc6")
    assert found["libc6"] == debian


def _launch(results: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A launch in one container, as cluster/README.md has it, by a user unknown to the image."""
    user = f"{os.getuid() or 12345}:{os.getgid() or 12345}"
    results.mkdir(exist_ok=True)
    if os.getuid() == 0:
        os.chown(results, 12345, 12345)
    command = ["docker", "run", *CONFINED, "--user", user, "--volume", f"{results}:/results"]
    return subprocess.run(
        [*command, IMAGE, "mnistcmp", "launch", "--local", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_container_trains_a_study_and_goes_on_with_it(tmp_path: Path) -> None:
    """Read-only root, any user id, results on a volume; another trains what is missing."""
    results = tmp_path / "results"
    small = ("-a", "baseline", "--epochs", "1")
    first = _launch(results, *small, "--seeds", "1")
    assert first.returncode == 0, first.stderr
    (folder,) = results.iterdir()
    before = {row["run_id"]: row for row in ResultsStore(folder).read("runs").to_pylist()}
    again = _launch(results, *small, "--seeds", "3", "--output", f"/results/{folder.name}")
    assert again.returncode == 0, again.stderr
    rows = {row["run_id"]: row for row in ResultsStore(folder).read("runs").to_pylist()}
    assert len(rows) == 3
    assert before.items() <= rows.items()
    assert {path.stat().st_uid for path in folder.rglob("*")} == {os.getuid() or 12345}


def test_the_readme_says_how_one_container_is_started() -> None:
    """As these tests start it, with the command that the Job has on Kubernetes."""
    readme = (KUBERNETES.parent / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^docker run .*(?:\n  .*)+", readme, re.MULTILINE)
    words = shlex.split(command.replace("\\\n", " "))
    assert " ".join(words[:2]) == "docker run"
    assert words[2 : 2 + len(CONFINED)] == list(CONFINED)
    job = yaml.safe_load((KUBERNETES / "job" / "job.yaml").read_text(encoding="utf-8"))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert words[-5:] == [container["image"], *container["args"]]
    assert words[-5:] == [IMAGE, "mnistcmp", "launch", "--all", "--local"]


def test_one_container_refuses_in_one_line(tmp_path: Path) -> None:
    """A folder that its user cannot write, and a study that is none: status 2, as a Job expects."""
    results = tmp_path / "closed"
    results.mkdir(mode=0o555)
    command = ("docker", "run", *CONFINED, "--user", "12345", "--volume", f"{results}:/results")
    for arguments, problem in (
        (("--all",), "Permission denied"),
        (("--study", "table2"), "table2"),
    ):
        done = subprocess.run(
            [*command, IMAGE, "mnistcmp", "launch", "--local", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert problem in done.stderr
    assert list(results.iterdir()) == []


def test_a_login_shell_finds_the_commands() -> None:
    """KubeRay can be told to start nodes by one."""
    shell = ("run", "--rm", "--entrypoint", "bash", IMAGE, "-lc")
    assert docker(*shell, "command -v ray") == "/opt/mnistcmp/bin/ray"


WARM = """
from pathlib import Path
import os
kept = Path(os.environ["NUMBA_CACHE_DIR"])
before = sorted(kept.rglob("*"))
from mnistcmp.training.process import warm_up
warm_up()
print(len(before) > 10, sorted(kept.rglob("*")) == before)
"""
"""Whether loops were there, and all that training needs among them."""


def test_compiled_loops_are_found_by_whatever_starts_the_image() -> None:
    """By its own entry point, and where KubeRay's takes its place, by the init container there."""
    run = ("run", *CONFINED, "--interactive")
    assert docker(*run, IMAGE, "python", "-", program=WARM) == "True True"
    (cluster,) = yaml.safe_load_all((KUBERNETES / "raycluster" / "raycluster.yaml").read_text())
    pod = cluster["spec"]["workerGroupSpecs"][0]["template"]["spec"]
    copies = " ".join(pod["initContainers"][0]["command"])
    shell = (*run, "--entrypoint", "sh", IMAGE, "-c")
    assert docker(*shell, f"{copies}; exec python -", program=WARM) == "True True"
    assert docker(*shell, "mkdir /tmp/numba; exec python -", program=WARM) == "False False"
