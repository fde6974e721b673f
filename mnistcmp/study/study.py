"""What to run: a study is a named set of runs, and a run an architecture, a seed and a recipe."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mnistcmp.errors import UserError, unknown_name
from mnistcmp.networks.architectures import TABLE1_ARCHITECTURES, architecture
from mnistcmp.study.recipe import RECIPES, Recipe
from mnistcmp.study.seeds import LARGEST_SEED, format_seeds, parse_seeds


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One training: an architecture, a seed and a recipe determine its result.

    A plain dataclass, since a study may have a million; `Study` validates what they are made of.
    """

    architecture: str
    seed: int
    recipe: Recipe

    @property
    def run_id(self) -> str:
        """Sixteen hexadecimal digits, the same for the same run wherever it is made."""
        before, after = _identity(self.architecture, self.recipe)
        return hashlib.sha256(f"{before}{self.seed}{after}".encode()).hexdigest()[:16]


@lru_cache(maxsize=1024)
def _identity(architecture_name: str, recipe: Recipe) -> tuple[str, str]:
    """A run's identity is `[architecture, seed, recipe]` as JSON: what stands around the seed."""
    return f"[{json.dumps(architecture_name)}, ", f", {json.dumps(recipe.canonical())}]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """What a study compares: an architecture under a recipe. Its seeds are its repetitions."""

    name: str
    """The architecture's where there is one recipe, the recipe's where there is one architecture,
    else `ARCHITECTURE, RECIPE`. Unique in a study."""
    architecture: str
    recipe_name: str | None
    """None where the study gives one `recipe`, which needs no name."""
    recipe: Recipe


def name_conditions(cells: Iterable[tuple[str, str | None, Recipe]]) -> tuple[Condition, ...]:
    """Conditions of architectures, names of recipes and recipes, named as short as is unique."""
    cells = tuple(cells)
    one_recipe = len({name for _, name, _ in cells}) == 1
    one_architecture = len({name for name, _, _ in cells}) == 1

    def name(architecture_name: str, recipe_name: str | None) -> str:
        if one_recipe or recipe_name is None:
            return architecture_name
        return recipe_name if one_architecture else f"{architecture_name}, {recipe_name}"

    return tuple(
        Condition(name=name(a, r), architecture=a, recipe_name=r, recipe=recipe)
        for a, r, recipe in cells
    )


def _read_seeds(value: Any) -> Any:  # noqa: ANN401 - whatever a study file holds
    if isinstance(value, str):
        return parse_seeds(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return parse_seeds(str(value))
    if isinstance(value, list) and all(type(seed) is int for seed in value):
        return tuple(sorted(set(value)))
    return tuple(value) if isinstance(value, list) else value


def _read_recipe(value: Any) -> Any:  # noqa: ANN401 - whatever a study file holds
    """A recipe's name, or its fields with `base` naming the recipe that they change."""
    if isinstance(value, str):
        return named_recipe(value)
    if isinstance(value, dict):
        fields = dict(value)
        base = fields.pop("base", "default")
        if not isinstance(base, str):
            raise UserError(
                f"recipe base {base!r}: expected a name. Allowed: {', '.join(RECIPES)}."
            )
        return named_recipe(base).changes() | fields
    return value


def _known_architecture(name: str) -> str:
    return architecture(name).name


Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Seeds = Annotated[tuple[Seed, ...], BeforeValidator(_read_seeds), Field(min_length=1)]
Names = Annotated[
    tuple[Annotated[str, AfterValidator(_known_architecture)], ...],
    BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
    Field(min_length=1),
]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
StudyRecipe = Annotated[Recipe, BeforeValidator(_read_recipe)]
RecipeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._+-]*$", max_length=40)]


class Study(BaseModel):
    """Every architecture with every seed, under one recipe or under each of several."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]

    question: Annotated[str | None, Field(max_length=300)] = None
    """What the study is to answer, in a sentence."""

    architectures: Names = TABLE1_ARCHITECTURES

    seeds: Seeds = tuple(range(10))

    recipe: StudyRecipe = RECIPES["default"]
    """Of every run, where `recipes` names none."""

    recipes: dict[RecipeName, StudyRecipe] = {}
    """Name to recipe, in the order of the report; in place of `recipe`."""

    reference: str | None = None
    """What the others are compared with: a condition, or a recipe, with which each architecture is
    compared within itself. By default the first recipe; where there is one, the first condition."""

    sources: dict[str, Digest] = {}
    """Name of an own network to the digest of its source, as a launch found it. One that a study
    file gives is held to."""

    @model_validator(mode="before")
    @classmethod
    def _recipe_or_recipes(cls, content: Any) -> Any:  # noqa: ANN401 - whatever a study file holds
        if isinstance(content, dict) and content.get("recipes") and "recipe" in content:
            raise UserError("a study has a 'recipe' or 'recipes', not both; leave one of them out.")
        return content

    @model_validator(mode="after")
    def _conditions_are_distinct(self) -> Self:
        twice = {name for name in self.architectures if self.architectures.count(name) > 1}
        if twice:
            raise ValueError(f"architectures: {', '.join(sorted(twice))} stands there twice")
        refuse_equal_recipes(self.recipes)
        if self.reference is not None:
            allowed = [condition.name for condition in self.conditions] + list(self.recipes)
            if self.reference not in allowed:
                raise unknown_name("reference", self.reference, dict.fromkeys(allowed))
        return self

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Every architecture under every recipe, architecture by architecture."""
        recipes: dict[str, Recipe] | dict[None, Recipe] = self.recipes or {None: self.recipe}
        return name_conditions(
            (architecture_name, recipe_name, recipe)
            for architecture_name in self.architectures
            for recipe_name, recipe in recipes.items()
        )

    def runs(self) -> tuple[Run, ...]:
        """The plan: seed by seed, so that a study cut short has complete pairings."""
        conditions = self.conditions
        return tuple(
            Run(architecture=condition.architecture, seed=seed, recipe=condition.recipe)
            for seed in self.seeds
            for condition in conditions
        )

    def to_toml_dict(self) -> dict[str, Any]:
        """What a study file for this study holds."""
        content: dict[str, Any] = {"name": self.name}
        if self.question is not None:
            content["question"] = self.question
        content |= {"architectures": list(self.architectures), "seeds": format_seeds(self.seeds)}
        if self.reference is not None:
            content["reference"] = self.reference
        if self.sources:
            content["sources"] = dict(self.sources)
        if not self.recipes:
            return content | {"recipe": self.recipe.model_dump(mode="json")}
        dumped = {name: recipe.model_dump(mode="json") for name, recipe in self.recipes.items()}
        return content | {"recipes": dumped}


def refuse_equal_recipes(recipes: dict[str, Recipe]) -> None:
    """Two names for one recipe would be two conditions with the same runs.

    Raises:
        UserError: Two of the recipes are equal.
    """
    names: dict[Recipe, str] = {}
    for name, recipe in recipes.items():
        if (other := names.setdefault(recipe, name)) != name:
            raise UserError(
                f"the recipes '{other}' and '{name}' are the same, so their conditions would have "
                "the same runs. Leave one of them out, or change a field."
            )


def named_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        UserError: There is none.
    """
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    return RECIPES[name]
