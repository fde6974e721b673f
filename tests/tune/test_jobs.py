"""Searches as jobs of a cluster, and beside the same ones at home."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mnistcmp.cluster.places import OpenPlace
from mnistcmp.cluster.session import Resources, local_ray
from mnistcmp.data.mnist import Mnist
from mnistcmp.study.file import read_study
from mnistcmp.tune.search import Method, plan_search
from tests.support.clusters import Checkout, make_checkout
from tests.support.custom_networks import RIGHT
from tests.support.servers import free_port
from tests.support.stored import searched

pytestmark = pytest.mark.ray

SEARCHES: dict[str, dict[str, Any]] = {
    "grid": {"grids": ["lr=0.00001,0.005,0.02"], "rule": "asha"},
    "random": {"ranges": ["lr=0.00001:0.05"], "samples": 3},
    "bayes": {"ranges": ["lr=0.00001:0.05"], "samples": 6, "rule": "race"},
}
STUDY = """\
name = "small"
architectures = ["baseline", "siamese-shared"]
seeds = 4
[recipe]
epochs = 3
train_pairs = 200
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout with a cluster of two workers up, and a custom network."""
    made = make_checkout(tmp_path_factory.mktemp("checkout"), free_port())
    up = made.up("processes")
    assert up.returncode == 0, up.stderr
    (made.folder / "small.toml").write_text(STUDY)
    (made.folder / "single.py").write_text(RIGHT)
    yield made
    made.manage("down")


@pytest.fixture(scope="module")
def ray() -> Iterator[Resources]:
    """A Ray of this machine with one worker."""
    with local_ray(1) as resources:
        yield resources


@pytest.mark.parametrize("method", SEARCHES)
def test_a_search_on_a_cluster_is_the_one_at_home(
    method: Method, checkout: Checkout, ray: Resources, mnist: Mnist, tmp_path: Path
) -> None:
    """Bit for bit: points, scores, what was stopped, and each epoch of each run."""
    asked = SEARCHES[method]
    options = [part for grid in asked.get("grids", ()) for part in ("--grid", grid)]
    options += [part for ends in asked.get("ranges", ()) for part in ("--range", ends)]
    options += ["--samples", str(asked["samples"])] if "samples" in asked else []
    options += [f"--{asked['rule']}"] if "rule" in asked else []
    output = f"results/{method}"
    command = "tune", "small.toml", "--search", method, *options, "--output", output
    there = checkout.mnistcmp(*command)
    assert (there.returncode, there.stderr) == (0, "")
    assert "Study tune-small is job tune-small-" in there.stdout
    assert f"points. Results go to {output}." in there.stdout
    assert f"To test it: mnistcmp launch {output}/best.toml" in there.stdout
    study = read_study(checkout.folder / "small.toml")
    list(
        OpenPlace(ray, mnist).run(plan_search(study, method=method, output=str(tmp_path), **asked))
    )
    points, epochs = searched(checkout.results / method)
    assert len(points) == asked.get("samples", 3)
    assert epochs
    assert (points, epochs) == searched(tmp_path)


def test_a_search_is_left_followed_stopped_and_taken_up_again(checkout: Checkout) -> None:
    """As a launch is, by the same commands."""
    grid = "--grid", "lr=0.005,0.01"
    search = "tune", "small.toml", "-a", "single:Digits", "--seeds", "2", "--epochs", "30", *grid
    left = checkout.mnistcmp(*search, "--output", "results/left", "--detach")
    assert (left.returncode, left.stderr) == (0, "")
    *_, command, job = left.stdout.split()
    assert left.stdout.splitlines()[-1] == f"To follow it: mnistcmp {command} {job}"
    attached = checkout.start("attach", job, "--json-lines")
    assert attached.stdout is not None
    first = next(line for line in attached.stdout if '"progress"' in line)
    assert '"total": 4' in first
    assert checkout.mnistcmp("stop", job).returncode == 0
    _, errors = attached.communicate(timeout=60)
    assert attached.returncode == 1
    assert "was stopped before its end. Finished runs are kept" in errors
    assert checkout.mnistcmp(*search, "--output", "results/left").returncode == 0
    shown = checkout.mnistcmp("attach")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "Validation accuracy chose lr 0.0" in shown.stdout
