"""Study files: a study as TOML."""

import tomllib
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from mnistcmp.errors import UserError, unknown_name
from mnistcmp.study.recipe import RECIPES, Recipe
from mnistcmp.study.study import PATTERNS_IN_WORDS, Study

KINDS = {
    "string_type": 'has to be a text, in quotes: "..."',
    "tuple_type": "has to be a list: [..., ...]",
    "dict_type": "has to be fields, below a line in brackets",
}
"""A value of another type than TOML has for it."""


def read_study(path: Path) -> Study:
    """The study that a file describes.

    Raises:
        UserError: The file cannot be read, is not TOML, or does not describe a study.
    """
    try:
        # Some editors begin a file with a byte order mark.
        text = path.read_text(encoding="utf-8-sig")
        if "\0" in text:
            raise UserError(f"{path} is not UTF-8 text; save it as UTF-8.")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text; save it as UTF-8"
        raise UserError(f"cannot read the study file {path}: {reason}.") from error
    return parse_study(text, source=str(path))


def parse_study(text: str, *, source: str) -> Study:
    """The study that a TOML text describes; `source` names the text in errors.

    Raises:
        UserError: The text is not TOML, or does not describe a study.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{source} is not valid TOML: {error}.") from error
    try:
        return build_study(content)
    except UserError as error:
        raise UserError(f"{source}: {error}") from error


def format_study(study: Study) -> str:
    """The study as TOML, every recipe field spelled out; `parse_study` reads it back."""
    return tomli_w.dumps(study.to_toml_dict())


def build_study(content: dict[str, Any]) -> Study:
    """A validated study from plain values.

    Raises:
        UserError: A value is unknown, of another type, or out of range.
    """
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise _in_one_line(error) from error


def _in_one_line(error: ValidationError) -> UserError:
    """The first problem that pydantic found, with what is allowed in its place."""
    # A field that is missing may stand where another is unknown.
    problem = min(error.errors(include_url=False), key=lambda found: found["type"] == "missing")
    place = [str(part) for part in problem["loc"]]
    message = problem["msg"].removeprefix("Value error, ").replace("Input should", "has to")
    message = KINDS.get(problem["type"], message)
    if place == ["seeds"] and problem["type"] == "tuple_type":
        message = 'has to be a count (10), a text ("0-4,7") or a list of seeds'
    if problem["type"] == "string_pattern_mismatch":
        message = PATTERNS_IN_WORDS[problem["ctx"]["pattern"]]
    if place[-1:] == ["[key]"]:
        return UserError(f"recipe name '{place[1]}': {message}.")
    if problem["type"] in {"extra_forbidden", "model_type"}:
        return _wrong_field(place)
    if problem["type"] == "missing":
        return UserError(f"the study field '{place[-1]}' is missing; give it a value.")
    if problem["type"] == "value_error":
        return UserError(f"{message}.")
    # recipes.NAME.FIELD is wrong as recipe.FIELD is.
    name = f"recipe field {'.'.join(place[2:])}"
    if place[0] != "recipes" or len(place) <= len(("recipes", "NAME")):
        name = f"study field {'.'.join(place)}"
    return UserError(f"{name}: {message}, not {problem['input']!r}.")


def _wrong_field(place: list[str]) -> UserError:
    """The error for a name that is no field, or no field there."""
    field, in_recipe = place[-1], place[0] == "recipes"
    if in_recipe and field in Study.model_fields:
        return UserError(
            f"'{field}' is a field of the study, and stands in a recipe; move it above the first "
            "line in brackets."
        )
    if in_recipe and place == ["recipes", field]:
        return UserError(
            f"recipe {field}: expected fields, or a name. Allowed: {', '.join(RECIPES)}."
        )
    if not in_recipe and field in Recipe.model_fields:
        return UserError(f"'{field}' is a field of a recipe; move it below a line [recipe].")
    allowed = [*Recipe.model_fields, "base"] if in_recipe else list(Study.model_fields)
    return unknown_name("recipe field" if in_recipe else "study field", field, allowed)
