"""What to run: a study is a named set of runs, and a run an architecture, a seed and a recipe."""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from mnistcmp.errors import UserError, look_up, printable, unknown_name
from mnistcmp.networks.architectures import TABLE1_ARCHITECTURES, architecture
from mnistcmp.networks.given import name_network
from mnistcmp.study.recipe import RECIPES, Recipe
from mnistcmp.study.seeds import LARGEST_SEED, format_seeds, parse_seeds
from mnistcmp.study.until import UntilClear
from mnistcmp.study.wrong import DIGEST, RECIPE_NAME, STUDY_NAME, in_one_line

MOST_RUNS = 10_000_000
"""Of a study; so many fit into memory."""
MOST_TAKEN = 100
"""Looks of a rule that is given in a study file."""
UNNAMED = "recipe"
"""The name, in a study, of the one recipe that a study file gives as `recipe`."""


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
    recipe_name: str
    """The recipe's name in the study; its label where the study gives it none."""
    recipe: Recipe


def name_conditions(
    cells: Iterable[tuple[str, str]], recipes: Mapping[str, Recipe]
) -> tuple[Condition, ...]:
    """The conditions of (architecture, recipe's name) pairs, named as short as is unique."""
    cells = tuple(cells)
    one_recipe = len({recipe for _, recipe in cells}) == 1
    one_architecture = len({architecture for architecture, _ in cells}) == 1

    def name(architecture: str, recipe: str) -> str:
        if one_recipe:
            return architecture
        return recipe if one_architecture else f"{architecture}, {recipe}"

    return tuple(
        Condition(
            name=name(architecture, recipe),
            architecture=architecture,
            recipe_name=recipes[recipe].label if recipe == UNNAMED else recipe,
            recipe=recipes[recipe],
        )
        for architecture, recipe in cells
    )


def _read_seeds(value: Any) -> Any:  # noqa: ANN401 - whatever a study file holds
    if isinstance(value, str):
        return parse_seeds(value)
    if isinstance(value, int) and not isinstance(value, bool):
        # The text of a number of thousands of digits is refused by Python itself.
        return parse_seeds(str(min(max(value, -1), LARGEST_SEED + 2)))
    if isinstance(value, list) and all(type(seed) is int for seed in value):
        return tuple(sorted(set(value)))
    return tuple(value) if isinstance(value, list) else value


def _read_recipe(value: Any) -> Any:  # noqa: ANN401 - whatever a study file holds
    """A recipe's name, or its fields with `base` naming the recipe that they change."""
    if isinstance(value, str):
        return look_up("recipe", value, RECIPES)
    if isinstance(value, dict):
        fields = dict(value)
        base = fields.pop("base", "default")
        if not isinstance(base, str):
            raise UserError(
                f"recipe base {base!r}: expected a name. Allowed: {', '.join(RECIPES)}."
            )
        return look_up("recipe", base, RECIPES).changes() | fields
    return value


def _read_rule(value: Any) -> Any:  # noqa: ANN401 - whatever a study file holds
    """Points alone are a rule's margin."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"margin": value} if is_number else value


def _named(value: Any) -> Any:  # noqa: ANN401 - whatever a study file or a program holds
    """A class's or function's name, which programs may give in place of one."""
    return name_network(value) if callable(value) else value


def _in_a_line(text: str | None) -> str | None:
    """A sentence on one line, which no terminal obeys."""
    if text is not None and printable(text := " ".join(text.split())) != text:
        raise ValueError("study field question: control characters are not allowed in it")
    return text


def _known_architecture(name: str) -> str:
    return architecture(name).name


Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Seeds = Annotated[tuple[Seed, ...], BeforeValidator(_read_seeds), Field(min_length=1)]
Names = Annotated[
    tuple[Annotated[str, BeforeValidator(_named), AfterValidator(_known_architecture)], ...],
    BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
    Field(min_length=1),
]
Digest = Annotated[str, Field(pattern=DIGEST)]
StudyRecipe = Annotated[Recipe, BeforeValidator(_read_recipe)]
RecipeName = Annotated[str, Field(pattern=RECIPE_NAME, max_length=40)]


class Study(BaseModel):
    """Every architecture with every seed, under each recipe.

    It is made of what a study file holds, where `recipe` stands for `recipes` with one entry.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )

    def __init__(self, **content: Any) -> None:  # noqa: ANN401 - validated
        try:
            super().__init__(**content)
        except ValidationError as error:
            raise in_one_line(error, type(self).model_fields) from error

    name: Annotated[str, Field(pattern=STUDY_NAME, max_length=80)]
    """The study's name, and that of its results folder."""

    question: Annotated[str | None, Field(max_length=300), AfterValidator(_in_a_line)] = None
    """What the study is to answer, in a sentence."""

    architectures: Names = TABLE1_ARCHITECTURES
    """The networks to train, built-in ones and your own (`PACKAGE.MODULE:NAME`)."""

    seeds: Seeds = tuple(range(10))
    """The seeds of each condition's runs: a count (`10`), or a list (`"0-4,7"`, `[1, 3]`)."""

    recipes: dict[RecipeName, StudyRecipe] = Field(
        default_factory=lambda: {UNNAMED: RECIPES["default"]}, min_length=1
    )
    """Name to recipe, in the order of the report: a named recipe, or fields that change the one
    that `base` names. A study of one recipe has it as `recipe`, without a name."""

    reference: str | None = None
    """What the others are compared with: a condition, or a recipe, with which each architecture is
    compared within itself. By default the first recipe; where there is one, the first condition."""

    until_clear: Annotated[UntilClear | None, BeforeValidator(_read_rule)] = None
    """`{ margin = POINTS }`, or the points: seeds are added, `batch` at a time (5) and `seeds` at
    most, until each comparison is clear or shown to be smaller than the margin."""

    sources: dict[str, Digest] = {}
    """Name of a custom network to the digest of its source, as a launch found it. One that a study
    file gives is held to."""

    @model_validator(mode="before")
    @classmethod
    def _recipe_as_recipes(cls, content: Any) -> Any:  # noqa: ANN401 - whatever a study file holds
        if not isinstance(content, dict):
            return content
        if content.get("recipes") and "recipe" in content:
            raise UserError("a study has a 'recipe' or 'recipes', not both; leave one of them out.")
        content = {field: value for field, value in content.items() if value or field != "recipes"}
        if "recipe" in content:
            content["recipes"] = {UNNAMED: content.pop("recipe")}
        return content

    @model_validator(mode="after")
    def _conditions_are_distinct(self) -> Self:
        runs = len(self.architectures) * len(self.recipes) * len(self.seeds)
        if runs > MOST_RUNS:
            raise UserError(
                f"the study has {runs:,} runs: each architecture under each recipe with each seed. "
                f"Allowed: at most {MOST_RUNS:,}. Split it."
            )
        twice = {name for name, times in Counter(self.architectures).items() if times > 1}
        if twice:
            raise ValueError(f"architectures: {', '.join(sorted(twice))} stands there twice")
        refuse_equal_recipes(self.recipes)
        if self.reference is not None:
            allowed = [condition.name for condition in self.conditions]
            allowed += [name for name in self.recipes if name != UNNAMED]
            if self.reference not in allowed:
                raise unknown_name("reference", self.reference, dict.fromkeys(allowed))
        if self.until_clear is not None:
            self._has_something_to_answer(self.until_clear)
        return self

    def _has_something_to_answer(self, rule: UntilClear) -> None:
        if len(self.conditions) == 1:
            raise UserError(
                f"until_clear compares conditions, and {self.name} has one, "
                f"{self.conditions[0].name}. Give it another to compare with, or leave it out."
            )
        if len(self.seeds) < 2:  # noqa: PLR2004 - as the message says
            raise UserError(
                "until_clear needs two seeds or more (--max-seeds), and here is one: one does not "
                "say how sure a difference is."
            )
        if len(rule.looks(len(self.seeds))) > MOST_TAKEN:
            raise UserError(
                f"until_clear: {len(self.seeds):,} seeds in batches of {rule.batch} would be more "
                f"than {MOST_TAKEN} looks. Give a larger batch."
            )

    @property
    def recipe(self) -> Recipe:
        """The recipe of a study that has one."""
        (recipe,) = self.recipes.values()
        return recipe

    def under(self, recipe: Recipe) -> Self:
        """The same study under one other recipe."""
        return self.model_copy(update={"recipes": {UNNAMED: recipe}})

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Every architecture under every recipe, architecture by architecture."""
        return name_conditions(itertools.product(self.architectures, self.recipes), self.recipes)

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
        content = self.model_dump(mode="json", exclude_none=True)
        content["seeds"] = format_seeds(self.seeds)
        if not self.sources:
            del content["sources"]
        return content


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
