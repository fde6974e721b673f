"""Searches as they are asked for: grids, ranges, points, and what is refused."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mnistcmp.cluster.events import Refused, from_line
from mnistcmp.cluster.job import run_job
from mnistcmp.cluster.places import RESULTS_VARIABLE
from mnistcmp.errors import UserError
from mnistcmp.study.named import TABLE1
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Study
from mnistcmp.tune.search import Method, looks, plan_search
from mnistcmp.tune.space import Choice, Range, parse_grid, parse_range
from tests.support.clusters import KINDS, PROJECT
from tests.support.commands import mnistcmp

BASE = Study(name="base", seeds=(0, 1))


def test_the_default_search_is_the_report_s_grid() -> None:
    """Six learning rates, each a point named by its value."""
    points = plan_search(TABLE1).points()
    assert [point.name for point in points] == [
        "lr 0.0005", "lr 0.001", "lr 0.005", "lr 0.0075", "lr 0.01", "lr 0.05",
    ]  # fmt: skip
    assert [point.recipe.learning_rate for point in points] == [
        0.0005, 0.001, 0.005, 0.0075, 0.01, 0.05,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "texts",
    [
        ["lr=0.001,0.005;batch_size=16,32"],
        ["lr=0.001,0.005,batch_size=16,32"],
        ["learning_rate=0.001, 0.005", "batch_size = 16,32"],
    ],
)
def test_a_grid_may_be_written_in_several_ways(texts: list[str]) -> None:
    """Semicolons, commas, or several options; short names or long ones."""
    points = plan_search(BASE, grids=texts).points()
    assert [(p.recipe.learning_rate, p.recipe.batch_size) for p in points] == [
        (0.001, 16),
        (0.001, 32),
        (0.005, 16),
        (0.005, 32),
    ]
    assert points[1].name == "lr 0.001 batch size 32"


def test_values_are_those_of_a_study_file() -> None:
    """Texts with or without quotes, lists in brackets, true and false."""
    assert parse_grid("activation=relu,'tanh';head_dropout=[0.0, 0.0],[0.5,0.5];shuffle=false") == [
        Choice(field="activation", values=("relu", "tanh")),
        Choice(field="head_dropout", values=([0.0, 0.0], [0.5, 0.5])),
        Choice(field="shuffle", values=(False,)),
    ]


def test_a_long_name_gives_way_to_the_recipe_s_hash() -> None:
    """The name of a recipe has at most forty characters."""
    grids = ["lr=0.001,0.002;batch_size=16;auxiliary_weight=0.5;train_pairs=500"]
    for point in plan_search(BASE, grids=grids).points():
        assert point.name == point.recipe.hash


def test_ranges_are_logarithmic_where_their_ends_are_far_apart() -> None:
    """Ten times, and above zero; whole numbers stay whole."""
    assert parse_range("lr=0.0005:0.05") == Range(field="learning_rate", low=0.0005, high=0.05)
    assert parse_range("lr=0.0005:0.05").is_log
    assert not parse_range("conv_dropout=0:0.5").is_log
    assert not parse_range("learning_rate=0.01:0.05").is_log
    assert parse_range("batch_size=8:16").is_whole


def test_random_points_are_the_same_for_the_same_seed() -> None:
    """All different, in their ranges, with three digits; and others for another seed."""

    def drawn(seed: int) -> list[Recipe]:
        search = plan_search(
            BASE,
            grids=["activation=relu,tanh"],
            ranges=["lr=0.0005:0.05", "batch_size=16:64"],
            method="random",
            samples=40,
            seed=seed,
        )
        return [point.recipe for point in search.points()]

    recipes = drawn(7)
    assert recipes == drawn(7)
    assert recipes != drawn(8)
    assert len(set(recipes)) == 40
    rates = [recipe.learning_rate for recipe in recipes]
    assert all(0.0005 <= rate <= 0.05 and rate == float(f"{rate:.3g}") for rate in rates)
    # Half of the draws lie below the middle of the logarithms.
    assert 10 <= sum(rate < 0.005 for rate in rates) <= 30
    assert {recipe.activation for recipe in recipes} == {"relu", "tanh"}


def test_values_that_make_no_recipe_are_drawn_again() -> None:
    """Batches of 17 leave a last batch of one of 800 pairs."""
    search = plan_search(BASE, ranges=["batch_size=16:18"], method="random", samples=2)
    assert {point.recipe.batch_size for point in search.points()} == {16, 18}


def test_the_epochs_of_a_search_are_those_of_its_longest_point() -> None:
    """What stopping early is planned by."""
    assert plan_search(BASE).epochs == 150
    assert plan_search(BASE, grids=["epochs=10,30;lr=0.1,0.2"]).epochs == 30
    assert plan_search(BASE, grids=["rounds=1,2"]).epochs == 300


REFUSED: dict[tuple[str, ...], str] = {
    ("grid", "learning_rat=1,2"): "unknown recipe field 'learning_rat'; did you mean 'learning_",
    ("grid", "lr=0,0.1"): "recipe field learning_rate: has to be greater than 0, not 0",
    ("grid", "lr=fast,0.1"): "recipe field learning_rate: has to be a valid number",
    ("grid", "batch_size=16,17"): "batch_size 17 leaves a last batch of one of the 800 pairs",
    ("grid", "lr="): "a value of learning_rate is missing. Allowed: FIELD=VALUE,VALUE",
    ("grid", "lr=0.1,,0.2"): "a value of learning_rate is missing",
    ("grid", "lr"): "--grid 'lr' has no '='",
    ("grid", "lr=0.1,0.2,0.1"): "learning_rate has the value 0.1 twice",
    ("grid", "lr=0.1;lr=0.2"): "learning_rate is searched twice",
    ("grid", "lr=0.1"): "a search compares at least two points, and this one has one",
    ("grid", "test_pairs=10,20"): "a search sees no test pairs",
    ("grid", "lr=0.1,0.2", "lr=0.1:1"): "--range goes with --search random or bayes",
    ("random", "lr=-1,0.2"): "recipe field learning_rate: has to be greater than 0, not -1",
    ("random", "lr=0.1,0.2"): "--samples 16: the space has only 2 points",
    ("random", "", "lr=0.1"): "--range 'lr=0.1' is not a range",
    ("random", "", "lr=0.2:0.1"): "0.2 is not below 0.1",
    ("random", "", "activation=1:2"): "activation is not a number, so it has no range",
    ("random", "", "batch_size=1.5:2"): "is not a range of whole numbers",
    ("bayes", "", "lr=0:1"): "recipe field learning_rate: has to be greater than 0, not 0.0",
    ("bayes", "", "momentun=0:1"): "unknown recipe field 'momentun'",
}  # fmt: skip


@pytest.mark.parametrize(("asked", "message"), REFUSED.items())
def test_a_wrong_search_is_refused_in_one_line(asked: tuple[Method, ...], message: str) -> None:
    """It says what is wrong, before anything starts."""
    method, grid, *ranges = asked
    with pytest.raises(UserError) as caught:
        plan_search(BASE, grids=[grid] if grid else [], ranges=ranges, method=method)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.process
def test_asha_without_docstrings_is_refused(tmp_path: Path) -> None:
    """Ray Tune would end in a traceback."""
    environment = os.environ | {"PYTHONOPTIMIZE": "2"}
    done = mnistcmp(tmp_path, environment, "tune", "--dry-run", "--local", "--asha")
    message = "mnistcmp: Ray Tune does not work without docstrings. Take --asha without PYTHONOPTIM"
    assert (done.returncode, done.stderr) == (2, f"{message}IZE=2 and -OO.\n")
    assert mnistcmp(tmp_path, environment, "tune", "--dry-run", "--local").returncode == 0


def test_a_race_needs_seeds_to_add() -> None:
    """It looks after three for the first time."""
    with pytest.raises(UserError, match=r"--race adds seeds after the first 3, and there are 2\. "):
        plan_search(BASE, rule="race")
    assert looks(10) == (3, 5, 8, 10)
    assert looks(4) == (3, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"dimensions": [{"field": "momentun", "values": [1, 2]}]},
            "unknown recipe field 'momentun'",
        ),
        ({"dimensions": []}, "this one has one. Give more values"),
        ({"dimensions": [{"field": "epochs", "values": [1]}] * 2}, "epochs is searched twice"),
        ({"dimensions": [{"field": "learning_rate", "low": 2, "high": 1}]}, "2 is not below 1"),
        ({"rule": "race", "seeds": "3"}, "--race adds seeds after the first 3, and there are 3"),
        ({"study": {"name": "x", "recipes": {"a": {}, "b": {"epochs": 1}}}}, "several recipes"),
        ({"dimensions": [{"field": "learning_rate"}]}, "the job's request is wrong at dimensions"),
        ({"rule": "hyperband"}, "the job's request is wrong at rule"),
        ({"budget": -1}, "the job's request is wrong at budget"),
    ],
)
def test_a_request_that_was_written_wrongly_is_refused_in_one_line(
    changes: dict[str, Any],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By the job's driver, before it looks for a Ray; nothing is written."""
    monkeypatch.setenv(RESULTS_VARIABLE, str(tmp_path))
    request = json.loads((PROJECT / "jobs" / "tune-table1.json").read_text(encoding="utf-8"))
    assert run_job(json.dumps(request | changes), KINDS) == 2
    refused = from_line(capsys.readouterr().out)
    assert isinstance(refused, Refused)
    assert message in refused.message
    assert not list(tmp_path.iterdir())


def test_a_grid_takes_no_samples() -> None:
    """Its points are given."""
    with pytest.raises(UserError, match="--samples goes with --search random or bayes"):
        plan_search(BASE, samples=3)


def test_a_study_of_several_recipes_is_no_base() -> None:
    """The points change one recipe."""
    base = Study(name="two", recipes={"a": Recipe(), "b": Recipe(epochs=1)})
    with pytest.raises(UserError, match="the study two has several recipes; a search starts from"):
        plan_search(base)
