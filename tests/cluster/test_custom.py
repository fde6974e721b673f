"""Own networks as users train them: the command here, and on a cluster that has not their files."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mnistcmp.data.mnist import Mnist
from mnistcmp.results.outcome import Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.study import Run, Study
from tests.support.commands import mnistcmp
from tests.support.custom_networks import RIGHT
from tests.support.stored import losses, losses_here

pytestmark = pytest.mark.ray


def test_an_own_network_is_launched_into_the_built_in_ones_folder(
    nets: Path, mnist: Mnist, study: Study, finish: Callable[[Run], Finished]
) -> None:
    """Its row is compared with theirs; once its source has changed, it is refused there."""
    environment = dict(os.environ)
    built_in = study.model_copy(update={"name": "mine", "architectures": ("baseline",)})
    store = ResultsStore(nets / "results" / "mine")
    store.prepare(built_in)
    store.write(pack(built_in.name, [finish(run) for run in built_in.runs()]))
    done = mnistcmp(nets, environment, "launch", "Mine.toml", "-a", "package.nets:Mine")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Compared with baseline, seed by seed" in done.stdout
    assert losses(nets / "results" / "mine") == losses_here(nets / "Mine.toml", mnist)
    (nets / "package" / "parts.py").write_text(RIGHT.replace("Dropout(0.4)", "Dropout(0.1)"))
    changed = mnistcmp(nets, environment, "launch", "Mine.toml")
    assert changed.returncode == 2
    assert "results/mine was launched with another source of package.nets:Mine" in changed.stderr
    assert "Train it in a new folder with --fresh or another --output" in changed.stderr
