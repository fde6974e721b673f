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
import ray as ray_itself
from scipy import stats

from mnistcmp.cluster.launch import Launch, Worker
from mnistcmp.cluster.places import OpenPlace
from mnistcmp.cluster.session import Resources, local_ray
from mnistcmp.cluster.work import read_work
from mnistcmp.data.mnist import Digits, Mnist
from mnistcmp.errors import UserError
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.file import read_study
from mnistcmp.study.named import TABLE1
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Study
from mnistcmp.tune.folder import PointOutcome, read_points
from mnistcmp.tune.report import PointEnded, SearchReported, build_search_report
from mnistcmp.tune.rules import clearly_worse
from mnistcmp.tune.search import DEFAULT_SEEDS, Search, plan_search
from mnistcmp.tune.suggest import BATCH, STARTUP, suggested_points
from tests.support.clusters import INTERRUPTIBLE, KINDS, PROJECT
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
    bad, good = _points(search("asha", rule="asha", **options))
    assert (good.state, good.epochs) == ("finished", 9)
    assert [epoch for epoch, _ in good.rungs] == [1, 3]
    assert bad.state == "stopped"
    assert bad.epochs in {1, 3}
    assert not list((tmp_path / "asha" / "checkpoints").iterdir())
    stored = ResultsStore(tmp_path / "asha").read("runs").to_pylist()
    assert {row["recipe_hash"] for row in stored} == {good.recipe.hash}
    assert np.mean([row["validation_accuracy"] for row in stored]) == pytest.approx(good.score)
    assert search("asha", rule="asha", **options) == []


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


@pytest.mark.parametrize(("rule", "seeds"), [("race", 3), ("asha", 4)])
def test_a_rule_trains_no_more_of_a_point_that_diverged(
    search: Run, tmp_path: Path, rule: str, seeds: int
) -> None:
    """It could not be chosen."""
    recipe = SMALL.model_copy(update={"epochs": 9, "augmentation": "affine"})
    options = {"recipe": recipe, "grids": ["lr=0.005,1e30"], "rule": rule, "seeds": (0, 1, 2, 3)}
    bad, good = sorted(_points(search(rule, **options)), key=lambda point: point.score)
    assert (good.state, good.seeds, good.epochs) == ("finished", (0, 1, 2, 3), 9)
    assert (bad.state, bad.score, len(bad.seeds)) == ("diverged", 0.0, seeds)
    stored = ResultsStore(tmp_path / rule).read("runs").to_pylist()
    assert len(stored) == 4 + seeds
    assert search(rule, **options) == []


def test_no_worker_can_see_a_test_image(search: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Ray's object store has for them has none."""
    handed: list[Mnist] = []

    def put(shared: tuple[str, Mnist, Worker]) -> object:
        handed.append(shared[1])
        return into_store(shared)

    into_store = ray_itself.put
    monkeypatch.setattr(ray_itself, "put", put)
    search("unseen")
    (mnist,) = handed
    assert (len(mnist.train.images), len(mnist.test.images)) == (60_000, 0)


def test_a_race_adds_seeds_to_what_may_be_the_best(search: Run, tmp_path: Path) -> None:
    """Points that are clearly worse after three seeds have those alone; it goes on from there."""
    options = {
        "recipe": SMALL.model_copy(update={"epochs": 4, "train_pairs": 400}),
        "grids": ["lr=0.0000001,0.005,0.006"],
        "rule": "race",
        "seeds": tuple(range(5)),
    }
    bad, *others = _points(search("race", **options))
    assert (bad.name, bad.state, bad.seeds) == ("lr 1e-07", "stopped", (0, 1, 2))
    assert {(point.state, point.seeds) for point in others} == {("finished", (0, 1, 2, 3, 4))}
    report = build_search_report(ResultsStore(tmp_path / "race"))
    assert report.missing == ()
    *_, worst = report.rows
    assert worst.accuracy is not None
    assert worst.accuracy.n == 3
    assert worst.difference is not None
    assert worst.difference.is_clear
    assert search("race", **options) == []
    (again,) = _points(search("race", **options | {"rule": "none"}))
    assert (again.name, again.state, again.seeds) == ("lr 1e-07", "finished", (0, 1, 2, 3, 4))


def test_a_race_compares_points_seed_by_seed() -> None:
    """Hard seeds are hard for all: what differs by a point each time is clearly worse."""
    best = np.array([0.9, 0.7, 0.8, 0.6])
    close = best - [0.010, 0.012, 0.009, 0.011]
    unclear = best - [0.2, -0.1, 0.0, 0.0]
    constant = best - 0.005
    table = np.array([close, unclear, best, constant])
    assert clearly_worse(table).tolist() == [True, False, False, True]
    less = (close - best)[None]
    assert clearly_worse(np.vstack([less, 0 * less]), level=1e-3).tolist() == [True, False]
    p = float(stats.ttest_1samp(close - best, 0, alternative="less").pvalue)
    for level, is_worse in ((p * 1.01, True), (p * 0.99, False)):
        assert clearly_worse(np.array([best, close]), level)[1] == is_worse


def test_after_its_budget_a_search_begins_nothing_more(
    mnist: Mnist, ray: Resources, tmp_path: Path
) -> None:
    """It says what is missing, and a search without one goes on there."""
    planned = plan_search(BASE, grids=["lr=0.005,0.01"], output=str(tmp_path), budget=1e-3)
    place = OpenPlace(ray, mnist)
    *_, last = place.run(planned)
    assert isinstance(last, SearchReported)
    assert last.stopped == "Stopped as --budget asks: 2 points of the search are left."
    assert last.report.missing == ("lr 0.005", "lr 0.01")
    *_, last = place.run(planned.model_copy(update={"budget": None}))
    assert isinstance(last, SearchReported)
    assert (last.stopped, last.report.missing) == (None, ())


def test_a_search_and_a_launch_have_folders_of_their_own(
    search: Run, tmp_path: Path, mnist: Mnist, ray: Resources
) -> None:
    """Each is refused in the other's, in a line, before anything is written."""
    search("searched")
    launch = Launch(study=BASE, output=str(tmp_path / "searched"))
    with pytest.raises(UserError, match="holds a search, and a launch needs a folder of its own"):
        list(OpenPlace(ray, mnist).run(launch))
    list(OpenPlace(ray, mnist).run(launch.model_copy(update={"output": str(tmp_path / "trained")})))
    with pytest.raises(UserError, match="holds a study's runs, and a search needs a folder of its"):
        search("trained")
    assert not (tmp_path / "trained" / "search.json").exists()


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
    deadline = time.monotonic() + 150
    while not list(points.glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")
    assert "a search into the same folder goes on from there" in printed
    assert 1 <= len(list(points.glob("*.json"))) < 6


def test_the_request_in_jobs_is_the_default_search() -> None:
    """As `mnistcmp tune` does it."""
    request = (PROJECT / "jobs" / "tune-table1.json").read_text(encoding="utf-8")
    search = read_work(request, KINDS)
    assert isinstance(search, Search)
    asked = plan_search(TABLE1, seeds=DEFAULT_SEEDS)
    assert search.points() == asked.points()
    assert {search.runs(point.recipe)[0] for point in search.points()} == {
        asked.runs(point.recipe)[0] for point in asked.points()
    }
    assert search.model_dump(exclude={"study"}) == asked.model_dump(exclude={"study"})


def test_a_search_is_asked_for_in_json_as_a_launch_is() -> None:
    """What is read back is the search that was written, its space included."""
    search = plan_search(
        BASE, method="random", ranges=["lr=0.0005:0.05"], grids=["batch_size=16,32"], samples=3
    )
    assert read_work(search.to_json(), KINDS) == search
