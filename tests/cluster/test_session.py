"""A Ray of this machine's own, wherever it is started."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mnistcmp.cluster.node import processors
from mnistcmp.data.mnist import Mnist
from tests.support.commands import mnistcmp
from tests.support.custom_networks import PRINTING
from tests.support.stored import losses, losses_here

STUDY = """\
name = "small"
architectures = ["baseline", "mine:Mine", "loud:Net", "loud:Dying"]
seeds = "0"
[recipe]
epochs = 1
train_pairs = 100
test_pairs = 40
"""
OWN = ', "mine:Mine", "loud:Net", "loud:Dying"'
MINE = """\
from torch import nn
from beside import start
nn.Linear.reset_parameters = start
Mine = lambda: nn.Sequential(nn.Flatten(), nn.Linear(392, 2))
"""
BESIDE = """\
from torch.nn.init import normal_, zeros_
def start(layer):
    normal_(layer.weight)
    zeros_(layer.bias)
"""
DYING = PRINTING.replace("class Net", "class Dying").replace(
    "        return", "        os.environ.get('RAY_JOB_ID') and os._exit(3)\n        return"
)
"""In a worker, not where it is checked before."""
IN_FLIGHT = """\
import ray
from mnistcmp.cluster.session import local_ray
from mnistcmp.cluster.tasks import warm_up
def fail(): raise ValueError
with local_ray(2):
    warm_up(["baseline"] * 2)
    for _ in range(200): ray.remote(fail).remote()
"""


def _environment(**changed: str) -> dict[str, str]:
    ours = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "TMPDIR", "RAY_TMPDIR"}
    return {name: text for name, text in os.environ.items() if name not in ours} | changed


@pytest.fixture(scope="module")
def beside(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, "subprocess.CompletedProcess[str]"]:
    """A launch for scripts with networks of which one changes torch, one prints and one dies."""
    folder = tmp_path_factory.mktemp("beside")
    for name, content in {
        "small.toml": STUDY,
        "mine.py": MINE,
        "beside.py": BESIDE,
        "loud.py": PRINTING + DYING,
    }.items():
        (folder / name).write_text(content)
    (folder / "home").mkdir()
    environment = _environment(HOME=str(folder / "home"))
    arguments = ("launch", "small.toml", "--local", "--workers", "1", "--json-lines")
    return folder, mnistcmp(folder, environment, *arguments)


@pytest.mark.ray
def test_a_result_is_the_same_beside_a_network_that_changes_torch(
    beside: tuple[Path, "subprocess.CompletedProcess[str]"], mnist: Mnist
) -> None:
    """Its module is never in a process of other networks; a fresh home stays as it is."""
    folder, _ = beside
    alone = folder / "alone.toml"
    alone.write_text(STUDY.replace(OWN, ""))
    there = losses(folder / "results" / "small")
    assert losses_here(alone, mnist).items() <= there.items()
    assert len(there) == 3
    assert not (folder / "home" / ".ray").exists()


@pytest.mark.ray
def test_json_lines_are_alone_on_standard_output(
    beside: tuple[Path, "subprocess.CompletedProcess[str]"],
) -> None:
    """While runs fail with what is no text, and Ray tells of workers that died."""
    _, done = beside
    assert done.returncode == 1
    *_, last = map(json.loads, done.stdout.splitlines())
    assert [failed["condition"] for failed in last["failed"]] == ["loud:Dying"]
    assert "from below it" in done.stderr


@pytest.mark.ray
def test_what_is_in_flight_when_ray_ends_prints_nothing(tmp_path: Path) -> None:
    """Neither tasks that fail then nor the warming of workers."""
    done = subprocess.run(
        [sys.executable, "-c", IN_FLIGHT],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.process
def test_no_network_at_all_is_refused_at_once(tmp_path: Path) -> None:
    """Ray would wait for ever."""
    unshare = shutil.which("unshare")
    command = [unshare or "unshare", "--user", "--map-root-user", "--net"]
    if unshare is None or subprocess.run([*command, "true"], check=False).returncode:
        pytest.skip("this machine makes no network namespaces")
    done = subprocess.run(
        [*command, sys.executable, "-m", "mnistcmp", "launch", "--all", "--local"],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "cannot reach each other at 127.0.0.1" in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("own", "files", "count"),
    [
        ("0::/\n", {"cpu.max": "150000 100000"}, 1),
        ("0::/a/b\n", {"cpu.max": "max 100000", "a/cpu.max": "100000 100000"}, 1),
        ("0::/of/the/host\n", {"cpu.max": "50000 100000"}, 1),
        ("3:cpu,cpuacct:/a\n", {"cpu/a/cpu.cfs_quota_us": "1", "cpu/a/cpu.cfs_period_us": "1"}, 1),
        ("3:cpuset:/\n", {}, None),
        ("1:cpu:/\n0::/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "1"}, None),
    ],
)
def test_processors_are_those_that_the_process_may_use(
    tmp_path: Path, own: str, files: dict[str, str], count: int | None
) -> None:
    """By a quota of its cgroup or one above, of either version, and by its affinity."""
    (tmp_path / "own").write_text(own)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    allowed = os.sched_getaffinity(0)
    assert processors(tmp_path, tmp_path / "own") == (count or len(allowed))
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert processors(tmp_path, tmp_path / "own") == 1
    finally:
        os.sched_setaffinity(0, allowed)
