"""What a results folder says of each condition, and how the conditions differ, seed by seed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mnistcmp.errors import UserError
from mnistcmp.networks.architectures import architecture, published
from mnistcmp.report.contents import Comparison, Factorial, Report, Rounds, Row
from mnistcmp.report.runs import refuse_search
from mnistcmp.report.words import answer
from mnistcmp.results.store import ResultsStore
from mnistcmp.statistics import (
    DEFAULT,
    Inference,
    adjust_p_values,
    mean_difference,
    summarise,
    two_by_two,
)
from mnistcmp.study.combine import Combined
from mnistcmp.study.study import Condition

if TYPE_CHECKING:
    import pandas as pd

    Accuracies = Mapping[Condition, "pd.Series[float]"]
    """Test accuracies in %, by seed, of the conditions that have runs; diverged ones have none."""

IDENTITY = ("architecture", "seed", "recipe_hash")
COLUMNS = (*IDENTITY, "parameters", "test_accuracy", "digit_accuracy", "diverged_epoch")
"""What is read of `runs`: a folder may have a million."""


def build_report(store: ResultsStore, inference: Inference = DEFAULT) -> Report:
    """Reads a results folder.

    Raises:
        UserError: It has no results, mixed ones, or too few for such an inference.
    """
    store.check_exists()
    refuse_search(store)
    runs = store.read("runs", COLUMNS, dictionaries=True).to_pandas()
    missing = store.missing()
    if runs.empty:
        raise UserError(
            f"{store.location} has no finished run"
            f"{f' of the {len(missing)} launched' if missing else ''}. Run 'mnistcmp launch'."
        )
    if (runs["test_accuracy"].isna() & runs["diverged_epoch"].isna()).any():
        refuse_search(store, untested=True)
    combined = store.combined()
    groups = _groups(runs, combined, place=str(store.location))
    rows = _rows(groups, combined, inference)
    accuracies = {
        condition: 100 * group.set_index("seed")["test_accuracy"].dropna()
        for condition, group in groups.items()
    }
    comparisons = _compare(combined, accuracies, inference)
    averages = _average(combined, accuracies, inference)
    factorial = _factorial(combined, accuracies, inference)
    failures = store.read("failures", ["run_id", "error"])
    return Report(
        study=combined.study,
        question=combined.question,
        conditions=combined.conditions,
        rows=rows,
        comparisons=comparisons,
        averages=averages,
        factorial=factorial,
        rounds=_rounds(store, combined, inference),
        inference=inference,
        answer=answer(rows, comparisons, averages, factorial),
        missing=missing,
        failures=dict(
            zip(failures["run_id"].to_pylist(), failures["error"].to_pylist(), strict=True)
        ),
    )


def _groups(
    runs: "pd.DataFrame", combined: Combined, *, place: str
) -> "dict[Condition, pd.DataFrame]":
    """The runs of each condition that has some, in the study's order."""
    groups = dict(iter(runs.groupby(["architecture", "recipe_hash"], observed=True)))
    cells = {(c.architecture, c.recipe.hash): c for c in combined.conditions}
    for (name, recipe_hash), group in sorted(groups.items(), key=lambda item: item[0]):
        if (name, recipe_hash) not in cells:
            raise UserError(
                f"{place} has mixed recipes: {len(group)} results of {name} under the recipe "
                f"{recipe_hash}, which no launch in it names. Keep each study's results in a "
                "folder of its own."
            )
    return {condition: groups[cell] for cell, condition in cells.items() if cell in groups}


def _rows(
    groups: "Mapping[Condition, pd.DataFrame]", combined: Combined, inference: Inference
) -> tuple[Row, ...]:
    one_recipe = len({condition.recipe for condition in combined.conditions}) == 1
    rows = []
    for condition, runs in groups.items():
        entry = architecture(condition.architecture)
        tested = runs["test_accuracy"].dropna()
        auxiliary = entry.auxiliary_loss
        row = Row(
            condition=condition.name,
            architecture=entry.name,
            recipe=condition.recipe,
            weight_sharing=entry.weight_sharing,
            auxiliary_loss=bool(runs["digit_accuracy"].count()) if auxiliary is None else auxiliary,
            parameters=int(runs["parameters"].iloc[0]),
            accuracy=summarise(100 * tested.to_numpy(), inference) if len(tested) else None,
            diverged=int(runs["diverged_epoch"].count()),
            published=published(entry.name, condition.recipe.network) if one_recipe else None,
        )
        rows.append(row)
    return tuple(rows)


def _compare(
    combined: Combined, accuracies: "Accuracies", inference: Inference
) -> tuple[Comparison, ...]:
    """Each condition with its reference, over the seeds that both have."""
    found = []
    for condition, of_seed in accuracies.items():
        reference = combined.reference_of(condition)
        if reference is not None and reference in accuracies:
            differences = of_seed - accuracies[reference]
            found.append(_comparison(condition.name, reference.name, differences, inference))
    return _adjusted(found)


def _average(
    combined: Combined, accuracies: "Accuracies", inference: Inference
) -> tuple[Comparison, ...]:
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
    return _adjusted(
        _comparison(*names, sum(found[1:], found[0]) / len(found), inference)
        for names, found in of_recipe.items()
        if len(found) == len(architectures)
    )


def _factorial(
    combined: Combined, accuracies: "Accuracies", inference: Inference
) -> Factorial | None:
    """The 2 x 2 of weight sharing and auxiliary loss, where the study has its four networks.

    None where it has not, where it has several recipes, or no seed of all four.
    """
    if len({condition.recipe for condition in combined.conditions}) > 1:
        return None
    cells = {
        factors: of_seed
        for condition, of_seed in accuracies.items()
        if (factors := architecture(condition.architecture).factors) is not None
    }
    seeds = set.intersection(*(set(cell.index) for cell in cells.values())) if cells else set()
    if len(cells) < 4 or not seeds:  # noqa: PLR2004 - two by two
        return None
    values = {cell: of_seed[sorted(seeds)].to_numpy() for cell, of_seed in cells.items()}
    sharing, auxiliary, interaction = two_by_two(
        neither=values[False, False],
        second=values[False, True],
        first=values[True, False],
        both=values[True, True],
        inference=inference,
    )
    return Factorial(weight_sharing=sharing, auxiliary_loss=auxiliary, interaction=interaction)


def _comparison(
    name: str, reference: str, of_seed: "pd.Series[float]", inference: Inference
) -> Comparison:
    differences = of_seed.dropna().to_numpy()
    difference = mean_difference(differences, inference) if len(differences) else None
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


def _rounds(store: ResultsStore, combined: Combined, inference: Inference) -> tuple[Rounds, ...]:
    """The conditions of several rounds that have a run to count, in the study's order."""
    several = [condition for condition in combined.conditions if condition.recipe.rounds > 1]
    if not several:
        return ()
    rows = store.read("rounds", (*IDENTITY, "round", "test_accuracy"), dictionaries=True)
    groups = dict(iter(rows.to_pandas().groupby(["architecture", "recipe_hash"], observed=True)))
    return tuple(
        _chains(condition, groups[cell], inference)
        for condition in several
        if (cell := (condition.architecture, condition.recipe.hash)) in groups
    )


def _chains(condition: Condition, rows: "pd.DataFrame", inference: Inference) -> Rounds:
    table = rows.pivot_table(index="seed", columns="round", values="test_accuracy")
    accuracies = 100 * table.to_numpy()
    return Rounds(
        condition=condition.name,
        chains=len(accuracies),
        means=tuple(float(mean) for mean in accuracies.mean(axis=0)),
        accuracy=summarise(accuracies.mean(axis=1), inference),
        deviation=float(np.mean(accuracies.std(axis=1, ddof=1))),
        published=published(condition.architecture, condition.recipe.network),
    )
