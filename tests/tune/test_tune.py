"""Searches as users run them, on a Ray of this machine."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from mnistcmp.cluster.places import OpenPlace
from mnistcmp.cluster.session import Resources, local_ray
from mnistcmp.cluster.work import read_work
from mnistcmp.data.mnist import Digits, Mnist
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.file import read_study
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Study
from mnistcmp.tune.folder import PointOutcome, read_points
from mnistcmp.tune.report import PointEnded, build_search_report
from mnistcmp.tune.search import plan_search
from mnistcmp.tune.suggest import BATCH, STARTUP, suggested_points
from tests.support.clusters import INTERRUPTIBLE
from tests.support.commands import run_command
from tests.support.custom_networks import RIGHT
from tests.support.fixtures import SMALL

pytestmark = pytest.mark.ray

STUDY = """
name = "small"
architectures = ["searched:Digits"]
seeds = "0-1"

[recipe]
epochs = 4
train_pairs = 400
test_pairs = 40
"""
BASE = Study(name="small", architectures=("baseline",), seeds=(0, 1), recipe=SMALL)
Run = Callable[..., list[PointEnded]]


@pytest.fixture(scope="module")
def ray() -> Iterator[Resources]:
    """A Ray with one worker, so that points end in one order."""
    with local_ray(1) as resources:
        yield resources


@pytest.fixture
def search(tmp_path: Path, mnist: Mnist, ray: Resources) -> Run:
    """Searches into a folder of that name, and gives the points that ended."""

    def run(name: str, **options: object) -> list[PointEnded]:
        base = BASE.under(cast("Recipe", options.pop("recipe", SMALL)))
        planned = plan_search(base, output=str(tmp_path / name), device="cpu", **options)  # type: ignore[arg-type]
        events = list(OpenPlace(ray, mnist).run(planned))
        return [event for event in events if isinstance(event, PointEnded)]

    return run


def _points(ended: list[PointEnded]) -> list[PointOutcome]:
    return [event.point for event in ended]


def test_the_command_finds_a_recipe_and_says_how_to_launch_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Points, table, study file; without a test result anywhere. The next search trains nothing.

    The network is a user's own.
    """
    (folder / "searched.py").write_text(RIGHT)
    (folder / "small.toml").write_text(STUDY)
    command = ("tune", "small.toml", "--grid", "lr=0.005,0.0000001", "--local", "--workers", "1")
    assert run_command(monkeypatch, *command) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "[2/2]" in printed
    assert "Validation accuracy chose lr 0.005, of 2 points; no test pair was looked at" in printed
    assert "To test it: mnistcmp launch results/tune-small/best.toml" in printed
    store = ResultsStore("results/tune-small")
    runs = store.read("runs").to_pylist()
    assert len(runs) == 4
    for row in runs:
        assert (row["test_loss"], row["test_accuracy"], row["digit_accuracy"]) == (None, None, None)
    assert not list(folder.rglob("predictions/*.parquet"))
    assert {point.state for point in read_points(store).values()} == {"finished"}

    best = read_study(folder / "results" / "tune-small" / "best.toml")
    assert (best.name, best.recipe.learning_rate) == ("tuned-small", 0.005)
    assert run_command(monkeypatch, "launch", "results/tune-small/best.toml", "--dry-run") == 0
    assert "2 runs to train" in capsys.readouterr().out

    files = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    assert run_command(monkeypatch, *command, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [(row["point"], row["is_best"]) for row in report["rows"]] == [
        ("lr 0.005", True),
        ("lr 1e-07", False),
    ]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")} == files

    assert run_command(monkeypatch, "report", "results/tune-small") == 0
    assert "Validation accuracy chose lr 0.005" in capsys.readouterr().out
    compare = ("compare", "lr 0.005", "lr 1e-07", "--results", "results/tune-small")
    for refused in (("report", "results/tune-small", "--html"), compare):
        assert run_command(monkeypatch, *refused) == 2
        assert "holds a search, which has no test results" in capsys.readouterr().err
    assert run_command(monkeypatch, *command[:-3], "--local", "-a", "baseline") == 2
    assert "points of other architectures or seeds do not compare" in capsys.readouterr().err

    (folder / "searched.py").write_text(RIGHT.replace("0.4", "0.1"))
    assert run_command(monkeypatch, *command, "--grid", "batch_size=16,32") == 2
    assert "source of searched:Digits" in capsys.readouterr().err
    assert run_command(monkeypatch, "launch", "results/tune-small/best.toml", "--dry-run") == 2
    assert "source of searched:Digits" in capsys.readouterr().err


def test_a_search_goes_on_with_what_is_missing(search: Run, tmp_path: Path) -> None:
    """A wider grid trains its new points, and one whose runs are gone."""
    first = _points(search("one", grids=["lr=0.005,0.01"]))
    assert [point.name for point in first] == ["lr 0.005", "lr 0.01"]
    next((tmp_path / "one" / "runs").glob("*.parquet")).unlink()
    again, further = search("one", grids=["lr=0.005,0.01,0.02"])
    assert again.point in first
    assert (further.point.name, further.done, further.total) == ("lr 0.02", 3, 3)


def test_a_random_search_trains_the_points_that_were_drawn(search: Run) -> None:
    """And none of them twice."""
    options = {"method": "random", "ranges": ["lr=0.0005:0.05"], "samples": 2, "seed": 3}
    drawn = plan_search(BASE, **options).points()  # type: ignore[arg-type]
    assert [point.recipe for point in _points(search("random", **options))] == [
        point.recipe for point in drawn
    ]
    assert search("random", **options) == []


def test_a_bayesian_search_finds_the_same_points_again(search: Run) -> None:
    """It trains none of them twice, and no Ray is needed to know that."""
    options = {"method": "bayes", "ranges": ["lr=0.0005:0.05"], "samples": 2, "seed": 3}
    assert len({point.recipe for point in _points(search("bayes", **options))}) == 2
    assert search("bayes", **options) == []


def _suggested(*, workers: int) -> list[float]:
    """What a Bayesian search suggests to so many workers, the last of which ends first."""
    search = plan_search(
        BASE, method="bayes", ranges=["lr=0.0005:0.05"], samples=STARTUP + BATCH, seed=3
    )
    scores: dict[Recipe, float] = {}
    rates: list[float] = []
    running: list[Recipe] = []
    for point in suggested_points(search, scores):
        if point is not None:
            running.append(point.recipe)
            rates.append(point.recipe.learning_rate)
        if point is None or len(running) == workers:
            ended = running.pop()
            scores[ended] = 1 - abs(ended.learning_rate - 0.005)
    return rates


def test_a_bayesian_search_is_the_same_with_more_workers() -> None:
    """Whichever trial ends first."""
    alone = _suggested(workers=1)
    assert len(set(alone)) == STARTUP + BATCH
    assert _suggested(workers=2) == alone
    assert _suggested(workers=9) == alone


def test_points_that_fall_behind_are_stopped(search: Run, tmp_path: Path) -> None:
    """They have no runs, and are not tried again by a search that stops such points."""
    options = {
        "recipe": SMALL.model_copy(update={"epochs": 9, "train_pairs": 500}),
        "grids": ["lr=0.005,0.0000001"],
    }
    good, bad = _points(search("asha", stops_early=True, **options))
    assert (good.state, good.epochs) == ("finished", 9)
    assert [epoch for epoch, _ in good.reports] == list(range(1, 10))
    assert bad.state == "stopped"
    assert bad.epochs in {1, 3}
    stored = ResultsStore(tmp_path / "asha").read("runs").to_pylist()
    assert {row["recipe_hash"] for row in stored} == {good.recipe.hash}
    assert np.mean([row["validation_accuracy"] for row in stored]) == pytest.approx(good.score)
    assert search("asha", stops_early=True, **options) == []


def test_a_point_that_fails_is_recorded_and_is_missing(
    search: Run, tmp_path: Path, mnist: Mnist, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its runs' errors are stored, and the search goes on to the next point."""
    none = Digits(images=mnist.train.images[:0], labels=mnist.train.labels[:0])
    monkeypatch.setattr(Mnist, "without_test", lambda _: Mnist(train=none, test=none))
    failing = _points(search("failing", grids=["lr=0.005,0.01"]))
    assert [point.state for point in failing] == ["failed", "failed"]
    assert all(point.error for point in failing)
    store = ResultsStore(tmp_path / "failing")
    assert len(store.read("failures")) == 4
    assert len(store.missing()) == 4


def test_a_point_that_diverges_is_never_chosen(search: Run, tmp_path: Path) -> None:
    """It scores nothing, is not tried again, and says why it is no choice."""
    good, bad = _points(search("diverging", grids=["lr=0.005,1e30"]))
    assert (good.state, bad.state, bad.score) == ("finished", "diverged", 0.0)
    report = build_search_report(ResultsStore(tmp_path / "diverging"))
    assert report.best is not None
    assert report.best.recipe == good.recipe
    assert search("diverging", grids=["lr=0.005,1e30"]) == []


def test_no_worker_can_see_a_test_image(search: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Tune hands to a worker has none."""
    handed: list[Mnist] = []

    def note(*handed_over: object, **_: object) -> list[object]:
        handed.extend(value for value in handed_over if isinstance(value, Mnist))
        return []

    monkeypatch.setattr("mnistcmp.tune.driver.run_points", note)
    search("unseen")
    (mnist,) = handed
    assert (len(mnist.train.images), len(mnist.test.images)) == (60_000, 0)


def test_an_interrupted_search_keeps_its_points(tmp_path: Path) -> None:
    """Ctrl-C: exit status 130, and one line that says how to go on."""
    longer = STUDY.replace("epochs = 4", "epochs = 12")
    assert longer != STUDY
    (tmp_path / "small.toml").write_text(longer)
    (tmp_path / "searched.py").write_text(RIGHT)
    process = subprocess.Popen(
        [*INTERRUPTIBLE, "tune", "small.toml", "--local", "--workers", "1"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    points = tmp_path / "results" / "tune-small" / "points"
    deadline = time.monotonic() + 60
    while not list(points.glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")
    assert "a search into the same folder goes on from there" in printed
    assert 1 <= len(list(points.glob("*.json"))) < 6


def test_a_search_is_asked_for_in_json_as_a_launch_is() -> None:
    """What is read back is the search that was written, its space included."""
    search = plan_search(
        BASE, method="random", ranges=["lr=0.0005:0.05"], grids=["batch_size=16,32"], samples=3
    )
    kinds = {"search": "mnistcmp.tune.search:Search"}
    assert read_work(search.to_json(), kinds) == search
