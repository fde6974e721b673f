"""What is wrong with a study's values, in one line: what pydantic found, in a user's words."""

from collections.abc import Collection

from pydantic import ValidationError

from mnistcmp.errors import UserError, quoted, unknown_name
from mnistcmp.study.recipe import RECIPES, Recipe
from mnistcmp.study.until import UntilClear

STUDY_NAME = r"^[a-z0-9][a-z0-9._-]*$"
RECIPE_NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._+-]*$"
DIGEST = r"^[0-9a-f]{16}$"
PATTERNS_IN_WORDS = {
    STUDY_NAME: "allowed are small letters, digits, '.', '_' and '-', after a letter or digit",
    RECIPE_NAME: "allowed are letters, digits, spaces, '.', '_', '+', '-', after a letter or digit",
    DIGEST: "allowed are 16 hexadecimal digits, as a launch stores them",
}
KINDS = {
    "string_type": 'has to be a text, in quotes: "..."',
    "tuple_type": "has to be a list: [..., ...]",
    "dict_type": "has to be fields, below a line in brackets",
}
"""A value of another type than TOML has for it."""


def in_one_line(error: ValidationError, study_fields: Collection[str]) -> UserError:
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
    if not place:
        return UserError(f"a study's fields have to be text: {message}.")
    if place[-1:] == ["[key]"]:
        return UserError(f"recipe name '{place[1]}': {message}.")
    if problem["type"] in {"extra_forbidden", "model_type"}:
        return _wrong_field(place, study_fields)
    if problem["type"] == "missing":
        return UserError(f"the study field '{place[-1]}' is missing; give it a value.")
    if problem["type"] == "value_error":
        return UserError(f"{message}.")
    # recipes.NAME.FIELD is wrong as recipe.FIELD is.
    name = f"recipe field {'.'.join(place[2:])}"
    if place[0] != "recipes" or len(place) <= len(("recipes", "NAME")):
        name = f"study field {'.'.join(place)}"
    return UserError(f"{name}: {message}, not {quoted(problem['input'])}.")


def _wrong_field(place: list[str], study_fields: Collection[str]) -> UserError:
    """The error for a name that is no field, or no field there."""
    field, in_recipe = place[-1], place[0] == "recipes"
    if place == ["until_clear"]:
        return UserError("until_clear: expected points, as in until_clear = { margin = 1.0 }.")
    if place[0] == "until_clear":
        return unknown_name("field of until_clear", field, UntilClear.model_fields)
    if in_recipe and field in study_fields:
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
    allowed = [*Recipe.model_fields, "base"] if in_recipe else study_fields
    return unknown_name("recipe field" if in_recipe else "study field", field, allowed)
