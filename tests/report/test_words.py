"""The words under a report's tables are said where they apply, and from numbers."""

import pytest

from mnistcmp.report.text import to_markdown
from mnistcmp.study.recipe import RECIPES, Recipe
from mnistcmp.study.study import Study
from tests.report.conftest import MakeReport
from tests.support.fixtures import SMALL

WHY = "Why it differs from the published table"


def _study(recipe: Recipe) -> Study:
    return Study(name="x", architectures=("baseline",), seeds=(0, 1), recipe=recipe)


@pytest.mark.parametrize("name", RECIPES)
def test_table_1_is_explained_under_each_reading_of_the_report(
    reported: MakeReport, name: str
) -> None:
    """What the report's text and code do otherwise, and what to run to see what it comes to."""
    text = to_markdown(reported(_study(RECIPES[name]), lambda r: 80.0 + r.seed))
    assert WHY in text
    assert "--study carry-over" in text
    assert ("as is done here)" in text) == (name == "reference-code")


@pytest.mark.parametrize(
    "recipe",
    [Recipe(epochs=1), Recipe(train_pairs=500), Recipe(learning_rate=0.01), Recipe(rounds=10)],
    ids=lambda recipe: recipe.label,
)
def test_another_recipe_s_table_is_not_explained_as_table_1(
    reported: MakeReport, recipe: Recipe
) -> None:
    """One epoch, other pairs, another learning rate or rounds have reasons of their own."""
    assert WHY not in to_markdown(reported(_study(recipe), lambda r: 80.0 + r.seed))


def test_networks_without_published_numbers_are_not_explained(reported: MakeReport) -> None:
    """There is no published number that theirs could differ from."""
    study = Study(name="x", architectures=("digits-exact",), seeds=(0, 1))
    assert WHY not in to_markdown(reported(study, lambda r: 80.0 + r.seed))


def test_which_published_rows_are_reached_is_only_said_from_rounds(reported: MakeReport) -> None:
    """Without rounds in the folder, no row is said to come to its published mean, or not to."""
    study = Study(name="table1", seeds=(0, 1))
    text = to_markdown(reported(study, lambda r: 82.0 + r.seed))
    assert "published standard deviation" not in text
    assert "unexplained" not in text
    *_, explanation = text.strip().split("\n\n")
    assert "siamese" not in explanation


def test_what_does_not_stand_out_is_called_not_clear_in_one_phrase(reported: MakeReport) -> None:
    """A condition and an effect alike."""
    two = Study(
        name="x",
        architectures=("baseline",),
        seeds=(0, 1, 2),
        recipes={"ReLU": SMALL, "tanh": SMALL.model_copy(update={"activation": "tanh"})},
    )
    report = reported(two, lambda r: 80 + (r.recipe != SMALL) * (2 * r.seed - 1))
    assert "tanh makes no clear difference to ReLU (+1.00 points, 95% CI" in report.answer
