"""What to run: a study is a named set of runs, and a run an architecture, a seed and a recipe."""

import hashlib
import json
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mnistcmp.architectures import TABLE1_ARCHITECTURES, architecture
from mnistcmp.errors import UserError, unknown_name
from mnistcmp.study.recipe import RECIPES, Recipe
from mnistcmp.study.seeds import LARGEST_SEED, format_seeds, parse_seeds


class Run(BaseModel):
    """One training: an architecture, a seed and a recipe determine its result."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    architecture: str
    seed: int
    recipe: Recipe

    @property
    def run_id(self) -> str:
        """Sixteen hexadecimal digits, the same for the same run wherever it is made."""
        identity = json.dumps([self.architecture, self.seed, self.recipe.canonical()])
        return hashlib.sha256(identity.encode()).hexdigest()[:16]


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


class Study(BaseModel):
    """Every architecture with every seed, under one recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]
    architectures: Names = TABLE1_ARCHITECTURES
    seeds: Seeds = tuple(range(10))
    recipe: Annotated[Recipe, BeforeValidator(_read_recipe)] = RECIPES["default"]

    @model_validator(mode="after")
    def _architectures_are_distinct(self) -> Self:
        twice = {name for name in self.architectures if self.architectures.count(name) > 1}
        if twice:
            raise ValueError(f"architectures: {', '.join(sorted(twice))} stands there twice")
        return self

    def runs(self) -> tuple[Run, ...]:
        """The plan: seed by seed, so that a study cut short has complete pairings."""
        return tuple(
            Run(architecture=name, seed=seed, recipe=self.recipe)
            for seed in self.seeds
            for name in self.architectures
        )

    def to_toml_dict(self) -> dict[str, Any]:
        """What a study file for this study holds."""
        return {
            "name": self.name,
            "architectures": list(self.architectures),
            "seeds": format_seeds(self.seeds),
            "recipe": self.recipe.model_dump(mode="json"),
        }


def named_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        UserError: There is none.
    """
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    return RECIPES[name]


TABLE1 = Study(name="table1")
"""The report's Table I: five architectures, ten seeds, the default recipe."""
