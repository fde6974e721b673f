"""`make cluster-up` and `make cluster-down`, as processes."""

import subprocess
from pathlib import Path

import pytest

from tests.support.clusters import Checkout, make_checkout

# The last of its group: it takes the cluster down.
pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("cluster")]


def test_up_is_idempotent_and_scales_and_down_leaves_nothing(
    checkout: Checkout, tmp_path: Path
) -> None:
    """Up again changes no process, or the number of workers; down stops what up started."""
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
    taken = make_checkout(tmp_path, checkout.port).up("processes")
    assert taken.returncode == 2
    assert "is taken" in taken.stderr
    down = checkout.manage("down")
    assert down.stdout == "The cluster is down.\n"
    temporary = first.details["temporary"]
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)  # noqa: S607
    assert temporary not in left.stdout
    assert not Path(temporary).exists()
    assert "No cluster is up" in checkout.manage("down").stdout
    assert checkout.mnistcmp("jobs").stderr.startswith("mnistcmp: no cluster is named or up")
