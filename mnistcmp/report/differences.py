"""How the conditions of a study differ, seed by seed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from mnistcmp.networks.architectures import architecture
from mnistcmp.report.contents import Comparison, Factorial
from mnistcmp.statistics import adjust_p_values, mean_difference, two_by_two
from mnistcmp.study.combine import Combined
from mnistcmp.study.study import Condition

if TYPE_CHECKING:
    import pandas as pd

    Accuracies = Mapping[Condition, "pd.Series[float]"]
    """Test accuracies in %, by seed, of the conditions that have some."""


def compare(combined: Combined, accuracies: "Accuracies") -> tuple[Comparison, ...]:
    """Each condition with its reference, over the seeds that both have."""
    found = []
    for condition, of_seed in accuracies.items():
        reference = combined.reference_of(condition)
        if reference is not None and reference in accuracies:
            differences = (of_seed - accuracies[reference]).dropna()
            found.append(_comparison(condition.name, reference.name, differences))
    return _adjusted(found)


def average(combined: Combined, accuracies: "Accuracies") -> tuple[Comparison, ...]:
    """Each recipe that all architectures have with the reference recipe, mean over architectures.

    Each seed's differences are averaged first, so that the seeds stay the repetitions, and only
    seeds that all architectures have count.
    """
    architectures = {condition.architecture for condition in combined.conditions}
    if len(architectures) == 1:
        return ()
    of_recipe: dict[tuple[str, str], list[pd.Series[float]]] = {}
    for condition, of_seed in accuracies.items():
        reference = combined.reference_of(condition)
        if reference is None or reference not in accuracies:
            continue
        if reference.architecture != condition.architecture:
            return ()
        names = condition.recipe_name, reference.recipe_name
        of_recipe.setdefault(names, []).append(of_seed - accuracies[reference])
    # A seed that one architecture lacks is not a number there, and so in the sum.
    means = {
        names: sum(found[1:], found[0]) / len(found)
        for names, found in of_recipe.items()
        if len(found) == len(architectures)
    }
    return _adjusted(_comparison(*names, mean.dropna()) for names, mean in means.items())


def factorial(combined: Combined, accuracies: "Accuracies") -> Factorial | None:
    """The 2 x 2 of weight sharing and auxiliary loss, where the study has its four networks.

    Returns:
        None where it has not, where it has several recipes, or no seed of all four.
    """
    if len({condition.recipe for condition in combined.conditions}) > 1:
        return None
    cells = {}
    for condition, of_seed in accuracies.items():
        factors = architecture(condition.architecture).factors
        if factors is not None:
            cells[factors] = of_seed
    seeds = set.intersection(*(set(cell.index) for cell in cells.values())) if cells else set()
    if len(cells) < 4 or not seeds:  # noqa: PLR2004 - two by two
        return None
    values = {cell: of_seed[sorted(seeds)].to_numpy() for cell, of_seed in cells.items()}
    sharing, auxiliary, interaction = two_by_two(
        neither=values[False, False],
        second=values[False, True],
        first=values[True, False],
        both=values[True, True],
    )
    return Factorial(weight_sharing=sharing, auxiliary_loss=auxiliary, interaction=interaction)


def _comparison(name: str, reference: str, differences: "pd.Series[float]") -> Comparison:
    difference = mean_difference(differences.to_numpy()) if len(differences) else None
    return Comparison(condition=name, reference=reference, difference=difference, adjusted_p=None)


def _adjusted(comparisons: Iterable[Comparison]) -> tuple[Comparison, ...]:
    found = tuple(comparisons)
    p_values = {
        c.condition: c.difference.p
        for c in found
        if c.difference is not None and c.difference.p is not None
    }
    adjusted = dict(zip(p_values, adjust_p_values(list(p_values.values())), strict=True))
    return tuple(replace(c, adjusted_p=adjusted.get(c.condition)) for c in found)
