"""Recipes: what they refuse, and what identifies them."""

import pytest
from pydantic import ValidationError

from mnistcmp.study.recipe import RECIPES, Recipe


def test_defaults_are_the_report_s_protocol() -> None:
    """1,000 pairs of which 200 validate, batches of 32, 150 epochs, Adam at 0.005."""
    recipe = Recipe()
    assert (recipe.train_pairs, recipe.validation_pairs, recipe.split_size) == (1000, 200, 800)
    assert (recipe.batch_size, recipe.epochs, recipe.learning_rate) == (32, 150, 0.005)


def test_named_recipes_are_the_report_s() -> None:
    """Three readings that differ in where softmax stands, and the baseline that is plain."""
    assert {name: recipe.changes() for name, recipe in RECIPES.items()} == {
        "default": {},
        "reference-code": {"softmax": "everywhere"},
        "report-text": {"softmax": "nowhere"},
        "plain": {"batch_norm": "none", "branch_dropout": [0.0, 0.0]},
    }


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epochs": 0}, "greater than or equal to 1"),
        ({"batch_size": 801}, "take 2 to 800"),
        ({"batch_size": 17}, "last batch of one"),
        ({"batch_size": 1}, "greater than or equal to 2"),
        ({"learning_rate": 0.0}, "greater than 0"),
        ({"learning_rate": float("nan")}, "finite number"),
        ({"learning_rate": "fast"}, "valid number"),
        ({"softmax": "sometimes"}, "'nowhere', 'branches-only' or 'head-only'"),
        ({"activation": "sigmoid"}, "'relu' or 'tanh'"),
        ({"batch_norm": True}, "'after', 'before' or 'none'"),
        ({"branch_dropout": [0.5, 1.0]}, "less than 1"),
        ({"head_dropout": [0.5]}, "Field required"),
        ({"conv_dropout": -0.1}, "greater than or equal to 0"),
        ({"train_pairs": 30_001}, "less than or equal to 30000"),
        ({"validation_fraction": 0.0001}, "no pair on one side"),
        ({"epochs": True}, "valid integer"),
    ],
)
def test_refuses_what_cannot_be_trained(fields: dict[str, object], message: str) -> None:
    """Each message says what is allowed."""
    with pytest.raises(ValidationError, match=message):
        Recipe.model_validate(fields)


def test_hash_identifies_what_is_trained() -> None:
    """Equal fields, equal hash, spelled out or not; another field, another hash."""
    assert Recipe().hash == Recipe(epochs=150).hash
    assert len({recipe.hash for recipe in [*RECIPES.values(), Recipe(epochs=151)]}) == 5


def test_hash_of_the_default_recipe_never_changes() -> None:
    """A field added later must not orphan results that are stored already."""
    assert Recipe().hash == "61e6997b4e70"


@pytest.mark.parametrize(
    ("recipe", "label"),
    [
        (Recipe(), "default"),
        (Recipe(softmax="everywhere"), "reference-code"),
        (Recipe(epochs=2), "epochs-2"),
        (Recipe(softmax="nowhere", epochs=2), "report-text-epochs-2"),
        (Recipe(batch_norm="none", branch_dropout=(0.0, 0.0), epochs=2), "plain-epochs-2"),
        (Recipe(head_dropout=(0.0, 0.5)), "head-dropout-0.0-0.5"),
    ],
)
def test_label_names_what_differs(recipe: Recipe, label: str) -> None:
    """A recipe without a name is labelled by the fields that differ from its base."""
    assert recipe.label == label
