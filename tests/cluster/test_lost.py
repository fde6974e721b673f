"""Runs whose worker was lost: how often they are trained again, and how they fail at last."""

from pathlib import Path

import pytest
from ray.exceptions import (
    NodeDiedError,
    OutOfMemoryError,
    RayError,
    RaySystemError,
    WorkerCrashedError,
)

from mnistcmp.cluster.lost import LONGEST_WAIT, MOST_NODES, Lost, SilentError
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.study import Run
from tests.support.commands import mnistcmp, without_clusters
from tests.support.fixtures import SMALL

STACK = tuple(Run(architecture="baseline", seed=seed, recipe=SMALL) for seed in (0, 1))
SINGLY = tuple((run,) for run in STACK)


def _node_died() -> RayError:
    return NodeDiedError("x")  # type: ignore[no-untyped-call]


def _oom() -> RayError:
    return OutOfMemoryError("x")  # type: ignore[no-untyped-call]


def _system_error() -> RayError:
    return RaySystemError("x")  # type: ignore[no-untyped-call]


def test_a_lost_node_is_no_stack_s_fault() -> None:
    """It is trained again whole, each time after a longer wait; at last its runs are watched."""
    lost = Lost()
    told = [lost.again(STACK, _node_died()) for _ in range(MOST_NODES + 1)]
    waits = [wait for wait, _ in told]
    assert waits == sorted(waits)
    assert (waits[0], waits[1]) == (1, 2)
    assert waits[-1] <= LONGEST_WAIT
    assert [parts for _, parts in told] == [(STACK,)] * MOST_NODES + [SINGLY]
    assert lost.watched == set(SINGLY)


@pytest.mark.parametrize("error", [WorkerCrashedError(), SilentError("x"), _system_error()])
def test_a_stack_that_loses_two_workers_is_trained_run_by_run(error: RayError) -> None:
    """Each watched, and once."""
    lost = Lost()
    assert lost.again(STACK, error) == (0, (STACK,))
    assert lost.again(STACK, error) == (0, SINGLY)
    assert lost.watched == set(SINGLY)
    assert lost.again(SINGLY[0], error) == (0, ())


def test_a_run_whose_worker_is_silent_goes_elsewhere() -> None:
    """Once more as it is, and then watched."""
    lost = Lost()
    assert lost.again(SINGLY[0], SilentError("x")) == (0, (SINGLY[0],))
    assert lost.again(SINGLY[0], SilentError("x")) == (0, (SINGLY[0],))
    assert lost.watched == {SINGLY[0]}


def test_where_memory_ran_out_each_run_has_a_node_of_its_own_once() -> None:
    """Whatever ended it, it ends."""
    lost = Lost()
    assert lost.again(STACK, _oom()) == (0, SINGLY)
    assert (lost.alone, lost.watched) == (set(SINGLY), set())
    assert lost.again(SINGLY[0], _oom()) == (0, ())
    assert lost.again(SINGLY[1], WorkerCrashedError()) == (0, (SINGLY[1],))
    assert lost.again(SINGLY[1], WorkerCrashedError()) == (0, (SINGLY[1],))
    assert lost.again(SINGLY[1], WorkerCrashedError()) == (0, ())


GROWING = """
import torch
from torch import nn

class Grows(nn.Linear):
    def __init__(self):
        super().__init__(392, 2)
        self.kept = []

    def forward(self, pairs):
        if self.training:
            self.kept.append(torch.ones(100_000_000))
        return super().forward(pairs.flatten(1))
"""


@pytest.mark.ray
def test_a_run_that_runs_out_of_memory_fails_with_how_much_it_had(tmp_path: Path) -> None:
    """The others are stored, and Ray's pages of text are not in the terminal."""
    (tmp_path / "growing.py").write_text(GROWING, encoding="utf-8")
    (tmp_path / "study.toml").write_text(
        'name = "x"\narchitectures = ["baseline", "growing:Grows"]\nseeds = "0"\n'
        '[recipes."x"]\nepochs = 4\ntrain_pairs = 1000\ntest_pairs = 40\n',
        encoding="utf-8",
    )
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    threshold = 1.15 - kilobytes["MemAvailable"] / kilobytes["MemTotal"]
    environment = without_clusters() | {
        "RAY_memory_usage_threshold": f"{threshold:.2f}",
        "RAY_memory_monitor_refresh_ms": "50",
    }
    # One worker: of two that train at once, Ray may end either.
    options = "--local", "--workers", "1", "--output", "out"
    done = mnistcmp(tmp_path, environment, "launch", "study.toml", *options)
    assert done.returncode == 1
    assert "because memory ran out (1 time)" in done.stderr + done.stdout
    assert "raylet" not in done.stderr + done.stdout
    (failure,) = ResultsStore(tmp_path / "out").read("failures").to_pylist()
    assert failure["error"].startswith("MemoryError: memory ran out: Ray ended it at ")
    assert len(ResultsStore(tmp_path / "out").read("runs")) == 1
