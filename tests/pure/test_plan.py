"""Runs and studies."""

import pytest

from mnistcmp.errors import UserError
from mnistcmp.study import TABLE1, Recipe, Run, Study, build_study


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
    assert run.run_id == same.run_id == "fa5801566db16118"
    others = {
        run.model_copy(update=change).run_id
        for change in (
            {"architecture": "siamese-shared"},
            {"seed": 1},
            {"recipe": Recipe(epochs=1)},
        )
    }
    assert len(others | {run.run_id}) == 4


def test_unknown_architecture_is_refused_with_the_nearest_name() -> None:
    """A typing error is named and mended in the same line."""
    with pytest.raises(UserError, match="'siamese-sharde'; did you mean 'siamese-shared'"):
        build_study({"name": "x", "architectures": ["siamese-sharde"]})


def test_an_architecture_that_stands_twice_is_refused() -> None:
    """It would count every run twice."""
    with pytest.raises(UserError, match="baseline stands there twice"):
        build_study({"name": "x", "architectures": ["baseline", "baseline"]})
