"""What a results folder says of each condition, and how the conditions differ, seed by seed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from mnistcmp.errors import UserError
from mnistcmp.networks.architectures import architecture, published
from mnistcmp.report.contents import Comparison, Factorial, Report, Rounds, Row, Until
from mnistcmp.report.questions import (
    AUXILIARY,
    INTERACTION,
    SHARING,
    Accuracies,
    Question,
    questions,
)
from mnistcmp.report.runs import refuse_search
from mnistcmp.report.until import accuracies_of, ended_seeds, missing_runs, until
from mnistcmp.report.words import answer
from mnistcmp.results.store import ResultsStore
from mnistcmp.statistics import (
    DEFAULT,
    Difference,
    Inference,
    adjust_p_values,
    mean_difference,
    summarise,
)
from mnistcmp.study.combine import Combined
from mnistcmp.study.study import Condition

if TYPE_CHECKING:
    import pandas as pd

Differences: TypeAlias = Mapping[str, Difference | None]
"""By the name of what a study asks."""
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
    missing = missing_runs(store)
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
    accuracies = accuracies_of(runs, combined.conditions)
    asked = questions(combined, accuracies)
    failed = store.read("failures", ["run_id", "error"])
    failures = dict(zip(failed["run_id"].to_pylist(), failed["error"].to_pylist(), strict=True))
    rule, differences = _answers(
        store, combined, accuracies, asked, failed=failures, inference=inference
    )
    comparisons = _compared(asked, "comparison", differences)
    averages = _compared(asked, "average", differences)
    factorial = _factorial(differences)
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
        answer=answer(rows, comparisons, averages, factorial, rule),
        missing=missing,
        failures=failures,
        until=rule,
    )


def _answers(
    store: ResultsStore,
    combined: Combined,
    accuracies: Accuracies,
    asked: Iterable[Question],
    *,
    failed: Iterable[str],
    inference: Inference,
) -> tuple[Until | None, Differences]:
    """What the study's rule says of its questions, if it has one; and their differences."""
    if combined.until is None:
        return None, {
            question.name: mean_difference(question.differences, inference)
            for question in asked
            if len(question.differences)
        }
    if inference != DEFAULT:
        raise UserError(
            f"{store.location} was launched with --until-clear, whose rule makes the intervals. "
            "Leave out --intervals and --within."
        )
    return until(
        combined, accuracies, ended_seeds(combined, store.finished_run_ids().union(failed))
    )


def _compared(
    asked: Iterable[Question], kind: str, differences: Differences
) -> tuple[Comparison, ...]:
    return _adjusted(
        Comparison(
            condition=question.name,
            reference=question.reference,
            difference=differences.get(question.name),
            adjusted_p=None,
        )
        for question in asked
        if question.kind == kind
    )


def _factorial(differences: Differences) -> Factorial | None:
    """The 2 x 2, where the study asks for it and there is a seed of all four networks."""
    sharing, auxiliary, interaction = map(differences.get, (SHARING, AUXILIARY, INTERACTION))
    if sharing is None or auxiliary is None or interaction is None:
        return None
    return Factorial(weight_sharing=sharing, auxiliary_loss=auxiliary, interaction=interaction)


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
