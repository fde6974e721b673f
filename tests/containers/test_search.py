"""A search on the compose cluster."""

import time

from mnistcmp.results.store import ResultsStore
from tests.support.clusters import Checkout
from tests.support.docker import containers, docker, needs_docker
from tests.support.stored import searched

pytestmark = needs_docker


def test_the_default_search_survives_a_killed_worker_and_is_the_one_at_home(
    checkout: Checkout,
) -> None:
    """Bit for bit: points, scores and each epoch of each run, of few epochs; each run once."""
    workers = containers(checkout, "worker")
    search = checkout.start("tune", "--epochs", "4")
    output = checkout.results / "tune-table1-epochs-4"
    deadline = time.monotonic() + 120
    while not list((output / "runs").glob("*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.1)
    docker("kill", workers[0])
    printed, errors = search.communicate(timeout=600)
    assert (search.returncode, errors) == (0, ""), printed
    assert "because a node was lost" in printed
    rows = ResultsStore(output).read("runs").to_pylist()
    assert len({row["run_id"] for row in rows}) == len(rows) == 90
    assert {row["host"] for row in rows} <= {worker[:12] for worker in workers}
    here = checkout.mnistcmp("tune", "--epochs", "4", "--local", "--output", "tuned-here")
    assert here.returncode == 0, here.stderr
    assert searched(output) == searched(checkout.folder / "tuned-here")
    assert (output / "best.toml").read_text() == (
        checkout.folder / "tuned-here/best.toml"
    ).read_text()
    assert checkout.up("containers").returncode == 0
