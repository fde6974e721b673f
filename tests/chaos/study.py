"""The study that faults are injected into, and when."""

import json
import os
import random
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from mnistcmp.results.store import ResultsStore

if TYPE_CHECKING:
    import subprocess

STUDY = """\
name = "chaos"
architectures = ["siamese-shared", "baseline"]
seeds = "0-24"

[recipes.short]
epochs = 12
"""
RUNS = 50
SEEDS = range(int(os.environ.get("CHAOS_SEEDS", "1")))
"""How often each fault is injected, each time at another moment."""


def write_study(folder: Path) -> str:
    """The study's file."""
    path = folder / "chaos.toml"
    path.write_text(STUDY, encoding="utf-8")
    return str(path)


def strike(launch: "subprocess.Popen[str]", seed: str, fault: Callable[[], object]) -> float:
    """Injects a fault when a random share of a launch is done, and listens to its end.

    Args:
        launch: Started with `--json-lines`.
        seed: Says which share.
        fault: What happens then.

    Returns:
        The longest time, in seconds, in which nothing new was told.
    """
    share = random.Random(seed).uniform(0.02, 0.7)  # noqa: S311 - a moment, not a secret
    told, before, struck = [time.monotonic()], -1.0, False
    # Its pipes are closed at the end.
    with launch:
        assert launch.stdout is not None
        for line in launch.stdout:
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("kind") == "progress" and event["share"] != before:
                before = event["share"]
                told.append(time.monotonic())
                if not struck and before >= share:
                    struck = True
                    fault()
    assert struck
    stall = max(later - earlier for earlier, later in pairwise(told))
    print(f"{seed}: at {share:.0%}, longest stall {stall:.1f} s")  # noqa: T201 - for the table
    return stall


def metrics(output: Path) -> dict[str, tuple[float, ...]]:
    """Each run's numbers; the runs are there once each."""
    rows = ResultsStore(output).read("runs").to_pylist()
    names = "train_loss", "validation_loss", "test_loss", "test_accuracy"
    found = {row["run_id"]: tuple(row[name] for name in names) for row in rows}
    assert len(found) == len(rows)
    return found
