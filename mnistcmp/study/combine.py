"""Several launches of one study, as a results folder keeps them, taken together."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from mnistcmp.errors import UserError
from mnistcmp.networks.architectures import ARCHITECTURES
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import (
    UNNAMED,
    Condition,
    Run,
    Study,
    name_conditions,
    refuse_equal_recipes,
)
from mnistcmp.study.until import UntilClear


@dataclass(frozen=True, kw_only=True)
class Combined:
    """What one or more launches of a study ask for together."""

    study: str
    question: str | None
    reference: str | None
    conditions: tuple[Condition, ...]
    """In the study's order."""
    until: UntilClear | None = None
    """The rule by which seeds are added, and to which all launches keep."""
    seeds: tuple[int, ...] = ()
    """Those of a rule, in the order in which they are added."""

    @cached_property
    def _by_cell(self) -> dict[tuple[str, Recipe], Condition]:
        return {(c.architecture, c.recipe): c for c in self.conditions}

    def condition_of(self, run: Run) -> Condition:
        """The condition that one of these launches' runs repeats."""
        return self._by_cell[run.architecture, run.recipe]

    def reference_of(self, condition: Condition) -> Condition | None:
        """What a condition is compared with.

        That is the condition that `reference` names, for all of them; else the one of the same
        architecture under the recipe that `reference` names, by default the first recipe; else,
        where there is one recipe, the first condition.

        Returns:
            None for a reference itself, and where its reference was not launched.
        """
        found = next((c for c in self.conditions if c.name == self.reference), None)
        recipes = list(dict.fromkeys(c.recipe_name for c in self.conditions))
        if found is None and len(recipes) > 1:
            recipe = self.reference if self.reference in recipes else recipes[0]
            cell = condition.architecture, recipe
            same = (c for c in self.conditions if (c.architecture, c.recipe_name) == cell)
            found = next(same, None)
        elif found is None:
            found = self.conditions[0]
        return None if found == condition else found


def combine(launches: Iterable[Study], *, place: str) -> Combined:
    """The launches of a results folder, at least one, as one study; `place` is for errors.

    Raises:
        UserError: They are of different studies, or the same conditions have different recipes.
    """
    # The whole study before launches of parts of it, which then do not change its order.
    table = list(ARCHITECTURES)

    def order(study: Study) -> tuple[object, ...]:
        first = study.architectures[0]
        place = table.index(first) if first in table else len(table)
        return -len(study.conditions), place, first, study.seeds

    ordered = sorted(launches, key=order)
    names = dict.fromkeys(study.name for study in ordered)
    if len(names) > 1:
        raise UserError(
            f"{place} holds one study, and was launched for {' and '.join(names)}. Choose "
            "another folder with --output, or give the studies one name."
        )
    # A recipe without a name goes by the one that another launch gave it.
    named = {r: name for study in ordered for name, r in study.recipes.items() if name != UNNAMED}
    recipes: dict[str, Recipe] = {}
    cells: set[tuple[str, str]] = set()
    for study in ordered:
        for given, recipe in study.recipes.items():
            name = named.get(recipe, recipe.label) if named and given == UNNAMED else given
            if (known := recipes.setdefault(name, recipe)) != recipe:
                under = "" if name == UNNAMED else f" under the name '{name}'"
                raise UserError(
                    f"{place} would mix the recipes '{known.label}' and '{recipe.label}'{under}. "
                    "Choose another folder with --output."
                )
            cells.update((architecture, name) for architecture in study.architectures)
    _refuse_changed_sources(ordered, place)
    _refuse_other_rules(ordered, place)
    refuse_equal_recipes(recipes)
    architectures = dict.fromkeys(name for study in ordered for name in study.architectures)
    every = itertools.product(architectures, recipes)
    conditions = name_conditions((cell for cell in every if cell in cells), recipes)
    return Combined(
        study=ordered[0].name,
        question=next((study.question for study in ordered if study.question), None),
        reference=next((study.reference for study in ordered if study.reference), None),
        conditions=conditions,
        until=ordered[0].until_clear,
        seeds=ordered[0].seeds if ordered[0].until_clear else (),
    )


def _refuse_other_rules(launches: Sequence[Study], place: str) -> None:
    """Seeds that were added for one rule, or for none, are not another's."""
    rules = {study.until_clear and (study.until_clear, study.seeds) for study in launches}
    if len(rules) > 1:
        raise UserError(
            f"{place} was launched with other --until-clear or --max-seeds, or without: whether to "
            "add seeds is decided before looking at them. Choose another folder with --output."
        )


def _refuse_changed_sources(launches: Iterable[Study], place: str) -> None:
    """A changed network has the runs' identities of the one that it was."""
    sources: dict[str, str] = {}
    for name, digest in (source for study in launches for source in study.sources.items()):
        if sources.setdefault(name, digest) != digest:
            raise UserError(
                f"{place} was launched with another source of {name}: it has changed since. Train "
                "it in a new folder with --fresh or another --output, or take the old source."
            )
