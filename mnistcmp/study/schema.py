"""Study files as a JSON Schema, for editors, and their fields in words; both from the models."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from mnistcmp.networks.architectures import ARCHITECTURES
from mnistcmp.study.recipe import RECIPES
from mnistcmp.study.seeds import LARGEST_SEED, MOST_SEEDS, format_seeds
from mnistcmp.study.study import Study

FILE = "study.schema.json"
"""Beside this module, as `python -m tests.support.schema` writes it."""
CUSTOM_NETWORK = r"^[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*$"
SEED_LIST = r"^\s*[0-9]+\s*(-\s*[0-9]+\s*)?(,\s*[0-9]+\s*(-\s*[0-9]+\s*)?)*$"
DRAFT = "http://json-schema.org/draft-07/schema#"
"""The latest that TOML's language servers know whole."""


def shipped_schema() -> str:
    """The schema as it is shipped with the package."""
    return files("mnistcmp.study").joinpath(FILE).read_text(encoding="utf-8")


def schema_text() -> str:
    """The schema as the models are now."""
    return json.dumps(study_schema(), indent=2) + "\n"


@cache
def study_schema() -> dict[str, Any]:
    """What a study file may hold: the models' schema, and what they read before they validate."""
    schema = _without_titles(Study.model_json_schema(ref_template="#/definitions/{model}"))
    definitions = schema.pop("$defs")
    recipe = definitions["Recipe"] | {
        "description": "How a network is trained; what is left out is as `base` has it."
    }
    base = {
        "description": "The named recipe that the fields beside it change.",
        "enum": list(RECIPES),
        "default": "default",
    }
    recipe["properties"] = {"base": base} | recipe["properties"]
    entry = {"anyOf": [{"enum": list(RECIPES)}, {"$ref": "#/definitions/Recipe"}]}
    fields = schema.pop("properties")
    fields["architectures"] |= {"items": _network(), "minItems": 1}
    fields["seeds"] |= {"anyOf": _seeds(), "default": format_seeds(range(10))}
    for name in ("architectures", "seeds"):
        del fields[name]["minLength"]
    for part in ("type", "items"):
        del fields["seeds"][part]
    points = definitions["UntilClear"]["properties"]["margin"]
    rule = {"$ref": fields["until_clear"].pop("$ref")}
    fields["until_clear"]["anyOf"] = [{k: points[k] for k in ("type", "exclusiveMinimum")}, rule]
    (pattern,) = fields["recipes"]["patternProperties"]
    fields["recipes"] |= {"patternProperties": {pattern: entry}, "additionalProperties": False}
    only = {"description": "The recipe of a study that has one.", **entry, "default": "default"}
    return {
        "$schema": DRAFT,
        "title": "A study of mnistcmp",
        **schema,
        "description": "Every architecture with every seed, under each recipe.",
        "not": {"required": ["recipe", "recipes"]},
        "properties": {**fields, "recipe": only},
        "definitions": {**definitions, "Recipe": recipe},
    }


def _network() -> dict[str, Any]:
    return {"anyOf": [{"enum": list(ARCHITECTURES)}, {"type": "string", "pattern": CUSTOM_NETWORK}]}


def _seeds() -> list[dict[str, Any]]:
    seed = {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED}
    return [
        {"type": "integer", "minimum": 0, "maximum": MOST_SEEDS},
        {"type": "string", "pattern": SEED_LIST},
        {"type": "array", "items": seed, "minItems": 1},
    ]


def _without_titles(node: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """The schema without what TOML or draft 7 lacks: null, items one by one; and without titles.

    A title is a field's name again; a field itself may be called so.
    """
    if isinstance(node, list):
        return [_without_titles(part) for part in node]
    if not isinstance(node, dict):
        return node
    node = {k: v for k, v in node.items() if not (k == "title" and isinstance(v, str))}
    if {"type": "null"} in node.get("anyOf", ()):
        (other,) = (kind for kind in node.pop("anyOf") if kind != {"type": "null"})
        node = {**other, **{k: v for k, v in node.items() if k != "default"}}
    if "prefixItems" in node:
        # Both rates are held to the same.
        node["items"] = node.pop("prefixItems")[0]
    return {key: _without_titles(value) for key, value in node.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A field of a study file or a recipe, as people read of it."""

    name: str
    values: str
    """What it may be."""
    default: str
    """As a file has it; empty where it has none, or where that is said in words."""
    description: str


def study_fields() -> tuple[Field, ...]:
    """What a study file may hold, in the order in which one writes it."""
    return _fields(study_schema())


def recipe_fields() -> tuple[Field, ...]:
    """What a recipe may hold."""
    return _fields(study_schema()["definitions"]["Recipe"])


def _fields(schema: dict[str, Any]) -> tuple[Field, ...]:
    return tuple(
        Field(
            name=name,
            values=_values(field),
            default=in_toml(field["default"]) if field.get("default") not in (None, {}) else "",
            description=" ".join(field["description"].split()),
        )
        for name, field in schema["properties"].items()
    )


def in_toml(value: object) -> str:
    """A field's value as a study file has it, which is as JSON has it."""
    return json.dumps(value, ensure_ascii=False)


def _values(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_values(kind) for kind in field["anyOf"])
    if "enum" in field:
        return ", ".join(map(in_toml, field["enum"]))
    if "$ref" in field:
        return "fields"
    if field["type"] == "array":
        count = "list of two" if field.get("maxItems") == 2 else "list"  # noqa: PLR2004 - as said
        return f"{count}: {_values(field['items'])}"
    kind = {"string": "text", "object": "table", "boolean": "true, false"}.get(field["type"])
    return kind or f"{field['type']}{_bounds(field)}"


def _bounds(field: dict[str, Any]) -> str:
    words = {
        "minimum": "from {:,}",
        "exclusiveMinimum": "above {:,}",
        "maximum": "to {:,}",
        "exclusiveMaximum": "below {:,}",
    }
    found = [form.format(field[key]) for key, form in words.items() if key in field]
    return " " + " ".join(found) if found else ""
