"""The JSON Schema of study files says what the models say."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from mnistcmp.errors import UserError
from mnistcmp.study.file import build_study, format_study
from mnistcmp.study.named import STUDIES
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.schema import schema_text, shipped_schema, study_schema
from mnistcmp.study.study import Study
from tests.support.commands import run_command

RIGHT = (
    'name = "x"',
    'name = "x"\nseeds = 3',
    'name = "x"\nseeds = "0-4, 7"',
    'name = "x"\nseeds = [1, 3]\narchitectures = ["baseline", "my.nets:Net"]',
    'name = "x"\nrecipe = "plain"',
    'name = "x"\n[recipe]\nbase = "plain"\nepochs = 3\nbranch_dropout = [0, 0.5]',
    'name = "x"\n[recipes]\na = "plain"\n"b 2" = { learning_rate = 1 }',
    'name = "x"\nuntil_clear = 0.5',
    'name = "x"\nuntil_clear = { margin = 0.5, batch = 5 }',
    'name = "x"\n[sources]\n"my.nets:Net" = "0123456789abcdef"',
)
WRONG = (
    "seeds = 3",
    "name = 3",
    'name = "My study"',
    'name = "x"\nsedes = 3',
    'name = "x"\nepochs = 3',
    'name = "x"\nseeds = true',
    'name = "x"\nseeds = "a"',
    'name = "x"\nseeds = [-1]',
    'name = "x"\nseeds = []',
    'name = "x"\nseeds = -1',
    'name = "x"\nseeds = 1000001',
    'name = "x"\narchitectures = []',
    'name = "x"\narchitectures = "baseline"',
    'name = "x"\narchitectures = ["basline"]',
    'name = "x"\nrecipe = "plane"',
    'name = "x"\nrecipe = "plain"\nrecipes.a = "default"',
    'name = "x"\nrecipe.base = "plane"',
    'name = "x"\nrecipe.epochs = 0',
    'name = "x"\nrecipe.epochs = "3"',
    'name = "x"\nrecipe.optimizer = "sgd"',
    'name = "x"\nrecipe.branch_dropout = [0.1]',
    'name = "x"\nrecipe.branch_dropout = [0.1, 1.0]',
    'name = "x"\nrecipe.epoch = 3',
    'name = "x"\nrecipe.learning_rate = 0',
    'name = "x"\nuntil_clear = 0',
    'name = "x"\nuntil_clear = { batch = 5 }',
    'name = "x"\nuntil_clear = { margin = 0.5, bach = 5 }',
    'name = "x"\nrecipes."a,b" = "plain"',
    'name = "x"\nsources.a = "b"',
)


def _is_accepted(content: dict[str, Any]) -> bool:
    return bool(Draft7Validator(study_schema()).is_valid(content))


def test_what_ships_is_what_the_models_say() -> None:
    """Whoever changes a field writes the file anew: python -m tests.support.schema."""
    assert shipped_schema() == schema_text()
    Draft7Validator.check_schema(study_schema())


@pytest.mark.parametrize("text", [*RIGHT, *map(format_study, STUDIES.values())])
def test_an_editor_accepts_what_a_launch_takes(text: str) -> None:
    """Every way to write a field, and every named study with all its fields."""
    assert build_study(tomllib.loads(text))
    assert _is_accepted(tomllib.loads(text))


@pytest.mark.parametrize("text", WRONG)
def test_an_editor_marks_what_a_launch_refuses(text: str) -> None:
    """Unknown names, wrong types and values out of range."""
    with pytest.raises(UserError):
        build_study(tomllib.loads(text))
    assert not _is_accepted(tomllib.loads(text))


def test_every_field_is_described() -> None:
    """In a sentence, with its default where it has one."""
    recipe = study_schema()["definitions"]["Recipe"]["properties"]
    study = study_schema()["properties"]
    assert set(study) == {*Study.model_fields, "recipe"}
    assert set(recipe) == {*Recipe.model_fields, "base"}
    for name, field in (study | recipe).items():
        assert field["description"].endswith("."), name
    defaults = {name: field["default"] for name, field in recipe.items() if name != "base"}
    assert defaults == Recipe().model_dump(mode="json")


@pytest.mark.parametrize("command", ["recipes plain", "studies activation"])
def test_fields_are_printed_with_their_values_and_defaults(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """A line for each field, as a study file has its value."""
    assert run_command(monkeypatch, *command.split()) == 0
    printed = capsys.readouterr().out
    of_recipe = command.startswith("recipes")
    for name in (Recipe if of_recipe else Study).model_fields:
        assert f"\n {name} " in printed
    assert ('"none"' if of_recipe else '"Does tanh do as well as ReLU?"') in printed
    assert ('"after"' if of_recipe else '"0-9"') in printed


def test_a_named_study_is_printed_as_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To start one's own from."""
    assert run_command(monkeypatch, "studies", "best", "--toml") == 0
    assert build_study(tomllib.loads(capsys.readouterr().out)) == STUDIES["best"]


def test_the_schema_is_written_beside_a_study(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says the line that a study file begins with."""
    assert run_command(monkeypatch, "schema", "--output", "study.schema.json") == 0
    assert json.loads((folder / "study.schema.json").read_text()) == study_schema()
    assert "#:schema study.schema.json" in capsys.readouterr().out
