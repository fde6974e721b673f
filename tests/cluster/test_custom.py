"""Own networks as users train them: the command here, and on a cluster that has not their files."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mnistcmp.data.mnist import Mnist
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.file import read_study
from mnistcmp.study.study import Run
from mnistcmp.training.training import train
from tests.conftest import CPU
from tests.support.clusters import Checkout
from tests.support.custom_networks import RIGHT

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("cluster")]

STUDY = """\
name = "mine"
architectures = ["{}", "baseline"]
seeds = "0-1"
[recipe]
epochs = 1
train_pairs = 100
test_pairs = 40
"""


@pytest.fixture
def nets(custom_folder: Path) -> Path:
    """A package `package`, and the file `single.py` that imports one beside it."""
    package = custom_folder / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "nets.py").write_text("from package.parts import Digits\nMine = Digits\n")
    (package / "parts.py").write_text(RIGHT)
    (custom_folder / "single.py").write_text("from beside import plain\nmine = plain\n")
    (custom_folder / "beside.py").write_text(RIGHT)
    for name in ("package.nets:Mine", "single:mine"):
        (custom_folder / f"{name.split(':')[1]}.toml").write_text(STUDY.format(name))
    return custom_folder


def _mnistcmp(
    folder: Path, environment: dict[str, str], *arguments: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "mnistcmp", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _losses(folder: Path) -> dict[str, float]:
    rows = ResultsStore(folder).read("runs").to_pylist()
    return {row["run_id"]: row["test_loss"] for row in rows}


def _trained_here(study: Path, mnist: Mnist) -> dict[str, float]:
    def loss(run: Run) -> float:
        return train([run], mnist, CPU)[0].test.loss

    return {run.run_id: loss(run) for run in read_study(study).runs()}


def test_an_own_network_is_launched_into_the_built_in_ones_folder(nets: Path, mnist: Mnist) -> None:
    """Its row is compared with theirs; once its source has changed, it is refused there."""
    environment = dict(os.environ)
    built_in = _mnistcmp(nets, environment, "launch", "Mine.toml", "-a", "baseline")
    assert (built_in.returncode, built_in.stderr) == (0, "")
    done = _mnistcmp(nets, environment, "launch", "Mine.toml", "-a", "package.nets:Mine")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Compared with baseline, seed by seed" in done.stdout
    assert _losses(nets / "results" / "mine") == _trained_here(nets / "Mine.toml", mnist)
    (nets / "package" / "parts.py").write_text(RIGHT.replace("Dropout(0.4)", "Dropout(0.1)"))
    changed = _mnistcmp(nets, environment, "launch", "Mine.toml")
    assert changed.returncode == 2
    assert "results/mine was launched with another source of package.nets:Mine" in changed.stderr
    assert "Train it in a new folder with --fresh or another --output" in changed.stderr


@pytest.mark.parametrize(
    ("study", "files"), [("Mine", ["package"]), ("mine", ["single.py", "beside.py"])]
)
def test_a_cluster_trains_what_is_shipped_to_it(
    checkout: Checkout, nets: Path, mnist: Mnist, study: str, files: list[str]
) -> None:
    """A package and a single file, from a folder that the cluster does not see.

    It has stale files of the same names.
    """
    (checkout.folder / "package").mkdir(exist_ok=True)
    for stale in ("package/__init__.py", "package/nets.py", "single.py", "beside.py"):
        (checkout.folder / stale).touch()
    token = (checkout.folder / ".cluster" / "token").read_text()
    environment = checkout.environment | {"RAY_AUTH_TOKEN": token}
    output = checkout.results / study
    arguments = ("launch", f"{study}.toml", "--address", checkout.address, "--output", str(output))
    done = _mnistcmp(nets, environment, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert _losses(output) == _trained_here(nets / f"{study}.toml", mnist)
    launched = ResultsStore(output).launches()[0]
    assert len(launched.sources) == 1
    for file in map(Path, files):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    report = _mnistcmp(nets, environment, "report", str(output), "--markdown")
    assert next(iter(launched.sources)) in report.stdout
