"""Two names of one study, or two results folders, seed by seed and test pair by test pair."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnistcmp.errors import UserError, unknown_name
from mnistcmp.report.contents import DigitPair, Pooled, SeedAgreement, SideBySide
from mnistcmp.report.numbers import plural
from mnistcmp.report.runs import Group, read_groups
from mnistcmp.results.store import ResultsStore
from mnistcmp.statistics import (
    DEFAULT,
    Inference,
    exact_mcnemar,
    paired_difference,
    pooled_mcnemar,
    summarise,
)
from mnistcmp.study.study import Condition

MEASURED = [
    "best_epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "test_loss",
    "test_accuracy",
]
"""Columns of `runs` that two runs with the same outcome have in common."""
IMAGES = ["first_image", "second_image"]
COLUMNS = (*IMAGES, "first_digit", "second_digit", "label", "predicted", "probability")


def compare_in_study(
    store: ResultsStore, first: str, second: str, inference: Inference = DEFAULT
) -> tuple[SideBySide, ...]:
    """Two conditions, or architectures under each recipe, or recipes of each architecture."""
    if first == second:
        raise UserError(f"'{first}' is named twice. Name two conditions, or two results folders.")
    of = {group.condition: group for group in _groups(store)}
    left, right = (_named(name, tuple(of)) for name in (first, second))
    subjects = [subject for subject in left if subject in right]
    if not subjects:
        raise UserError(
            f"'{first}' and '{second}' cannot be paired. Name two conditions, two architectures or "
            "two recipes of the study."
        )
    sides = [(subject, of[left[subject]], of[right[subject]]) for subject in subjects]
    found = _compare_all((first, second), sides, inference)
    by_rule = store.combined().until is not None
    return tuple(replace(comparison, by_rule=by_rule) for comparison in found)


def compare_folders(
    first: ResultsStore, second: ResultsStore, inference: Inference = DEFAULT
) -> tuple[SideBySide, ...]:
    """Every condition that both folders have: the same architecture under the same recipe.

    Where they have none in common and one recipe each, every architecture that both have.
    """
    left, right = _groups(first), _groups(second)
    of = {(g.condition.architecture, g.condition.recipe): g for g in right}
    pairs = [(g, of.get((g.condition.architecture, g.condition.recipe))) for g in left]
    one_recipe_each = all(len({g.condition.recipe for g in side}) == 1 for side in (left, right))
    if one_recipe_each and not any(other for _, other in pairs):
        of_name = {group.condition.architecture: group for group in right}
        pairs = [(group, of_name.get(group.condition.architecture)) for group in left]
    if not any(other for _, other in pairs):
        raise UserError(
            f"{first.location} and {second.location} have no condition in common: "
            f"{_listed(left)} in the one, {_listed(right)} in the other."
        )
    sides = [(one.condition.name, one, other) for one, other in pairs if other is not None]
    return _compare_all((str(first.location), str(second.location)), sides, inference)


def _compare_all(
    names: tuple[str, str], sides: Sequence[tuple[str, Group, Group]], inference: Inference
) -> tuple[SideBySide, ...]:
    """Those with a seed in common, each of a subject and two sides."""
    found = [
        _compare(subject, names, first, second, inference)
        for subject, first, second in sides
        if set(first.runs["seed"]) & set(second.runs["seed"])
    ]
    if not found:
        diverged = sum(first.diverged + second.diverged for _, first, second in sides)
        do = ". Launch both with the same --seeds."
        if diverged:
            do = f" that did not diverge; {plural(diverged, 'run')} did. Compare others."
        raise UserError(f"{names[0]} and {names[1]} have no finished seed in common{do}")
    return tuple(found)


def _groups(store: ResultsStore) -> tuple[Group, ...]:
    if not store.location.exists():
        raise UserError(f"there is no results folder {store.location}. Run 'mnistcmp launch'.")
    groups = read_groups(store, store.combined().conditions)
    if not groups:
        raise UserError(f"{store.location} has no finished run. Run 'mnistcmp launch'.")
    return groups


def _named(name: str, conditions: Sequence[Condition]) -> Mapping[str, Condition]:
    """The conditions of a name, by what else tells them apart: nothing, architecture or recipe."""
    for condition in conditions:
        if condition.name == name:
            return {"": condition}
    of_recipe = {c.architecture: c for c in conditions if c.recipe_name == name}
    of_architecture = {c.recipe_name: c for c in conditions if c.architecture == name}
    if found := of_recipe or of_architecture:
        return found
    known = [
        *(c.name for c in conditions),
        *(c.architecture for c in conditions),
        *(c.recipe_name for c in conditions if c.name != c.architecture),
    ]
    raise unknown_name("condition", name, dict.fromkeys(known))


def _listed(groups: Iterable[Group]) -> str:
    conditions = [group.condition for group in groups]
    architectures = dict.fromkeys(condition.architecture for condition in conditions)
    recipes = dict.fromkeys(condition.recipe.label for condition in conditions)
    return f"{', '.join(architectures)} under {' and '.join(recipes)}"


def _compare(
    subject: str, names: tuple[str, str], first: Group, second: Group, inference: Inference
) -> SideBySide:
    """Pairs two sides by seed, at least one, and looks at their predictions."""
    left, right = (group.runs.set_index("seed") for group in (first, second))
    seeds = left.index.intersection(right.index).sort_values()
    left_paired, right_paired = left.loc[seeds], right.loc[seeds]
    one, other = left_paired[MEASURED], right_paired[MEASURED]
    same = ((one == other) | (one.isna() & other.isna())).all(axis=1).to_numpy(copy=True)
    agreements: list[SeedAgreement] = []
    other_pairs: list[int] = []
    digits = np.zeros((3, 10, 10), dtype=np.int64)
    predictions = (
        first.details("predictions", COLUMNS, left_paired),
        second.details("predictions", COLUMNS, right_paired),
    )
    for position, (ours, theirs) in enumerate(zip(*predictions, strict=True)):
        seed = int(seeds[position])
        same[position] &= ours.equals(theirs)
        if ours[IMAGES].equals(theirs[IMAGES]):
            agreements.append(_agreement(seed, ours, theirs, digits))
        else:
            other_pairs.append(seed)
    accuracies = [100 * side["test_accuracy"].to_numpy() for side in (left_paired, right_paired)]
    return SideBySide(
        subject=subject,
        first=names[0],
        second=names[1],
        recipes=(first.condition.recipe.label, second.condition.recipe.label),
        first_accuracy=summarise(100 * left["test_accuracy"].to_numpy(), inference),
        second_accuracy=summarise(100 * right["test_accuracy"].to_numpy(), inference),
        diverged=(first.diverged, second.diverged),
        paired_seeds=tuple(map(int, seeds)),
        unpaired=(len(left) - len(seeds), len(right) - len(seeds)),
        differences=tuple(map(float, accuracies[0] - accuracies[1])),
        difference=paired_difference(accuracies[0], accuracies[1], inference),
        identical=int(same.sum()),
        seeds=tuple(agreements),
        other_pairs=tuple(other_pairs),
        pooled=_pool(agreements),
        digits=_digit_pairs(digits),
        inference=inference,
    )


def _agreement(
    seed: int, one: pd.DataFrame, other: pd.DataFrame, digits: NDArray[np.int64]
) -> SeedAgreement:
    """Counts a seed's pairs, also by digits into (pairs, first wrong, second wrong) of each two."""
    first = (one["predicted"] == one["label"]).to_numpy()
    second = (other["predicted"] == other["label"]).to_numpy()
    cells = one["first_digit"].to_numpy(), one["second_digit"].to_numpy()
    for counts, counted in zip(digits, (np.ones_like(first), ~first, ~second), strict=True):
        np.add.at(counts, cells, counted)
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    return SeedAgreement(
        seed=seed,
        both_right=int((first & second).sum()),
        only_first=only_first,
        only_second=only_second,
        both_wrong=int((~first & ~second).sum()),
        p=exact_mcnemar(only_first, only_second),
    )


def _pool(seeds: Sequence[SeedAgreement]) -> Pooled:
    counted = ("both_right", "only_first", "only_second", "both_wrong")
    sums = {name: sum(getattr(seed, name) for seed in seeds) for name in counted}
    chi_square, p = pooled_mcnemar(sums["only_first"], sums["only_second"]) or (None, None)
    return Pooled(**sums, chi_square=chi_square, p=p)


def _digit_pairs(counts: NDArray[np.int64]) -> tuple[DigitPair, ...]:
    found = []
    for first, second in np.argwhere(counts[0]).tolist():
        pairs, first_wrong, second_wrong = counts[:, first, second].tolist()
        found.append(
            DigitPair(
                digits=(first, second),
                pairs=pairs,
                first_wrong=first_wrong,
                second_wrong=second_wrong,
            )
        )
    return tuple(sorted(found, key=lambda d: (-abs(d.first_wrong - d.second_wrong), d.digits)))
