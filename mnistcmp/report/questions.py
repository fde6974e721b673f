"""What a study asks: its planned comparisons, each with one difference for each seed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import pandas as pd

from mnistcmp.networks.architectures import architecture
from mnistcmp.statistics import two_by_two
from mnistcmp.study.combine import Combined
from mnistcmp.study.study import Condition

Accuracies: TypeAlias = Mapping[Condition, "pd.Series[float]"]
"""Test accuracies in %, by seed, of the conditions that have runs; diverged ones have none."""

SHARING, AUXILIARY, INTERACTION = "weight sharing", "auxiliary loss", "interaction"
"""The effects of the 2 x 2."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Question:
    """A planned comparison."""

    kind: Literal["comparison", "average", "effect"]
    name: str
    """The condition's, the recipe's, or the effect's. Unique in a study."""
    reference: str
    """What it is compared with; empty for an effect."""
    conditions: frozenset[Condition]
    """Whose runs its differences are made of."""
    differences: "pd.Series[float]"
    """In points, by seed: of the seeds that all its conditions have."""


def questions(combined: Combined, accuracies: Accuracies) -> list[Question]:
    """The comparisons among the conditions that have accuracies, by what a study names."""
    return [
        *_comparisons(combined, accuracies),
        *_averages(combined, accuracies),
        *_effects(combined, accuracies),
    ]


def _comparisons(combined: Combined, accuracies: Accuracies) -> Iterator[Question]:
    """Each condition with its reference, over the seeds that both have."""
    for condition, of_seed in accuracies.items():
        reference = combined.reference_of(condition)
        if reference is not None and reference in accuracies:
            yield Question(
                kind="comparison",
                name=condition.name,
                reference=reference.name,
                conditions=frozenset((condition, reference)),
                differences=(of_seed - accuracies[reference]).dropna(),
            )


def _averages(combined: Combined, accuracies: Accuracies) -> Iterator[Question]:
    """Each recipe that all architectures have with the reference recipe, mean over architectures.

    Each seed's differences are averaged first, so that the seeds stay the repetitions, and only
    seeds that all architectures have count.
    """
    architectures = {condition.architecture for condition in combined.conditions}
    if len(architectures) == 1:
        return
    of_recipe: dict[tuple[str, str], dict[Condition, Condition]] = {}
    for condition in accuracies:
        reference = combined.reference_of(condition)
        if reference is None or reference not in accuracies:
            continue
        if reference.architecture != condition.architecture:
            return
        names = condition.recipe_name, reference.recipe_name
        of_recipe.setdefault(names, {})[condition] = reference
    for (name, reference_name), pairs in of_recipe.items():
        if len(pairs) == len(architectures):
            found = [accuracies[one] - accuracies[other] for one, other in pairs.items()]
            yield Question(
                kind="average",
                name=name,
                reference=reference_name,
                conditions=frozenset((*pairs, *pairs.values())),
                # A seed that one architecture lacks is not a number there, and so in the sum.
                differences=(sum(found[1:], found[0]) / len(found)).dropna(),
            )


def _effects(combined: Combined, accuracies: Accuracies) -> Iterator[Question]:
    """The 2 x 2 of weight sharing and auxiliary loss, where the study has its four networks.

    None where it has not, or has several recipes.
    """
    if len({condition.recipe for condition in combined.conditions}) > 1:
        return
    cells = {
        factors: condition
        for condition in accuracies
        if (factors := architecture(condition.architecture).factors) is not None
    }
    if len(cells) < 4:  # noqa: PLR2004 - two by two
        return
    seeds = sorted(set.intersection(*(set(accuracies[cell].index) for cell in cells.values())))
    values = {factors: accuracies[cell][seeds].to_numpy() for factors, cell in cells.items()}
    effects = two_by_two(
        neither=values[False, False],
        second=values[False, True],
        first=values[True, False],
        both=values[True, True],
    )
    for name, differences in zip((SHARING, AUXILIARY, INTERACTION), effects, strict=True):
        yield Question(
            kind="effect",
            name=name,
            reference="",
            conditions=frozenset(cells.values()),
            differences=pd.Series(differences, index=seeds),
        )
