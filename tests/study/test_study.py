"""Runs and studies."""

from dataclasses import replace

import pytest

from mnistcmp.errors import UserError
from mnistcmp.study.combine import combine
from mnistcmp.study.file import build_study
from mnistcmp.study.named import TABLE1
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run, Study


def test_table1_is_five_architectures_with_ten_seeds() -> None:
    """Fifty distinct runs of the default recipe."""
    runs = TABLE1.runs()
    assert len({run.run_id for run in runs}) == 50
    assert {run.seed for run in runs} == set(range(10))
    assert {run.recipe for run in runs} == {Recipe()}


def test_plan_goes_seed_by_seed() -> None:
    """What a study cut short has finished can be compared, seed by seed."""
    assert {run.seed for run in TABLE1.runs()[:5]} == {0}


def test_run_id_depends_on_architecture_seed_and_recipe_alone() -> None:
    """The same run has the same id in every study; any other has another."""
    run = Run(architecture="baseline", seed=0, recipe=Recipe())
    same = Study(name="other", architectures=("baseline",), seeds=(0,)).runs()[0]
    assert run.run_id == same.run_id == "e2b1cd9a2aad2cf3"
    others = {
        replace(run, **change).run_id
        for change in (
            {"architecture": "siamese-shared"},
            {"seed": 1},
            {"recipe": Recipe(epochs=1)},
        )
    }
    assert len(others | {run.run_id}) == 4


@pytest.mark.parametrize(
    ("architectures", "recipes", "names"),
    [
        (("baseline", "siamese-shared"), {}, ["baseline", "siamese-shared"]),
        (("baseline",), {"a": Recipe(), "b": Recipe(epochs=1)}, ["a", "b"]),
        (
            ("baseline", "siamese-shared"),
            {"a": Recipe(), "b": Recipe(epochs=1)},
            ["baseline, a", "baseline, b", "siamese-shared, a", "siamese-shared, b"],
        ),
        (("baseline",), {"a": Recipe(epochs=1)}, ["baseline"]),
    ],
)
def test_conditions_are_named_by_what_differs(
    architectures: tuple[str, ...], recipes: dict[str, Recipe], names: list[str]
) -> None:
    """By architecture, by recipe, or by both; each condition is run with every seed."""
    study = Study(name="x", architectures=architectures, seeds=(0, 1), recipes=recipes)
    assert [condition.name for condition in study.conditions] == names
    assert len({run.run_id for run in study.runs()}) == 2 * len(names)
    assert {run.seed for run in study.runs()[: len(names)]} == {0}


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (None, [None, "baseline, a", None, "siamese-shared, a"]),
        ("b", ["baseline, b", None, "siamese-shared, b", None]),
        ("baseline, b", ["baseline, b", None, "baseline, b", "baseline, b"]),
    ],
)
def test_each_condition_has_its_reference(
    reference: str | None, expected: list[str | None]
) -> None:
    """The same architecture under the reference recipe, or the condition that is named."""
    study = Study(
        name="x",
        architectures=("baseline", "siamese-shared"),
        recipes={"a": Recipe(), "b": Recipe(epochs=1)},
        reference=reference,
    )
    combined = combine([study], place="here")
    found = [combined.reference_of(condition) for condition in combined.conditions]
    assert [None if condition is None else condition.name for condition in found] == expected


def test_launches_of_parts_do_not_change_the_study_s_order() -> None:
    """Nor the names: the whole study comes first, whatever was launched first."""
    recipes = {"a": Recipe(), "b": Recipe(epochs=1)}
    whole = Study(name="x", recipes=recipes)
    part = Study(name="x", architectures=("siamese-separate",), seeds=(77,), recipes=recipes)
    for launches in ([whole, part], [part, whole]):
        assert combine(launches, place="here").conditions == whole.conditions


def test_unknown_architecture_is_refused_with_the_nearest_name() -> None:
    """A typing error is named and mended in the same line."""
    with pytest.raises(UserError, match="'siamese-sharde'; did you mean 'siamese-shared'"):
        build_study({"name": "x", "architectures": ["siamese-sharde"]})


def test_an_architecture_that_stands_twice_is_refused() -> None:
    """It would count every run twice."""
    with pytest.raises(UserError, match="baseline stands there twice"):
        build_study({"name": "x", "architectures": ["baseline", "baseline"]})
