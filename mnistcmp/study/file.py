"""Study files: a study as TOML."""

import tomllib
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from mnistcmp.errors import UserError, unknown_name
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Study


def read_study(path: Path) -> Study:
    """The study that a file describes.

    Raises:
        UserError: The file cannot be read, is not TOML, or does not describe a study.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
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
    """The first problem that pydantic found, with the names that are allowed in its place."""
    problem = error.errors(include_url=False)[0]
    place = [str(part) for part in problem["loc"]]
    if place[-1:] == ["[key]"]:
        return UserError(f"recipe name '{place[1]}': {problem['msg']}.")
    if place[:1] == ["recipes"] and len(place) > 1:
        # recipes.NAME.FIELD is wrong as recipe.FIELD is.
        place = ["recipe", *place[2:]]
    in_recipe = place[:1] == ["recipe"]
    kind = "recipe field" if in_recipe else "study field"
    if problem["type"] == "extra_forbidden":
        fields = [*Recipe.model_fields, "base"] if in_recipe else list(Study.model_fields)
        return unknown_name(kind, place[-1], fields)
    if problem["type"] == "missing":
        return UserError(f"the study field '{place[-1]}' is missing; give it a value.")
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return UserError(f"{message}.")
    if place == ["recipe"]:
        kind = "study field"
    name = ".".join(place[1:] if kind == "recipe field" else place)
    return UserError(f"{kind} {name}: {message}, not {problem['input']!r}.")
