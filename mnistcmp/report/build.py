"""What a results folder says of each condition, and how the conditions differ."""

from typing import TYPE_CHECKING

from mnistcmp.errors import UserError
from mnistcmp.networks.architectures import architecture, published
from mnistcmp.report.contents import Report, Row
from mnistcmp.report.differences import average, compare, factorial
from mnistcmp.report.rounds import rounds_of
from mnistcmp.report.searches import refuse_search, untested
from mnistcmp.report.words import answer
from mnistcmp.results.store import ResultsStore
from mnistcmp.statistics import summarise
from mnistcmp.study.combine import Combined
from mnistcmp.study.study import Condition

if TYPE_CHECKING:
    import pandas as pd


COLUMNS = ("architecture", "seed", "recipe_hash", "parameters", "test_accuracy", "digit_accuracy")
"""What is read of `runs`: a folder may have a million."""


def build_report(store: ResultsStore) -> Report:
    """Reads a results folder.

    Raises:
        UserError: It has no results, or some that cannot be compared with each other.
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
    if runs["test_accuracy"].isna().any():
        raise untested(store)
    combined = store.combined()
    accuracies = _accuracies(runs, combined, place=str(store.location))
    comparisons = compare(combined, accuracies)
    averages = average(combined, accuracies)
    effects = factorial(combined, accuracies)
    failures = store.read("failures", ["run_id", "error"])
    return Report(
        study=combined.study,
        question=combined.question,
        conditions=combined.conditions,
        rows=_rows(runs, combined, accuracies),
        comparisons=comparisons,
        averages=averages,
        factorial=effects,
        rounds=rounds_of(store, combined),
        answer=answer(comparisons, averages, effects),
        missing=missing,
        failures=dict(
            zip(failures["run_id"].to_pylist(), failures["error"].to_pylist(), strict=True)
        ),
    )


def _accuracies(
    runs: "pd.DataFrame", combined: Combined, *, place: str
) -> dict[Condition, "pd.Series[float]"]:
    """Test accuracies in %, by seed, of each condition that has some, in the study's order."""
    groups = dict(iter(runs.groupby(["architecture", "recipe_hash"], observed=True)))
    cells = {(c.architecture, c.recipe.hash): c for c in combined.conditions}
    for (name, recipe_hash), group in sorted(groups.items(), key=lambda item: item[0]):
        if (name, recipe_hash) not in cells:
            raise UserError(
                f"{place} has mixed recipes: {len(group)} results of {name} under the recipe "
                f"{recipe_hash}, which no launch in it names. Keep each study's results in a "
                "folder of its own."
            )
    return {
        condition: 100 * groups[cell].set_index("seed")["test_accuracy"]
        for cell, condition in cells.items()
        if cell in groups
    }


def _rows(
    runs: "pd.DataFrame", combined: Combined, accuracies: dict[Condition, "pd.Series[float]"]
) -> tuple[Row, ...]:
    one_recipe = len({condition.recipe for condition in combined.conditions}) == 1
    groups = runs.groupby(["architecture", "recipe_hash"], observed=True)
    parameters = groups["parameters"].first()
    digits_named = groups["digit_accuracy"].count()
    rows = []
    for condition, of_seed in accuracies.items():
        entry = architecture(condition.architecture)
        cell = entry.name, condition.recipe.hash
        auxiliary = entry.auxiliary_loss
        row = Row(
            condition=condition.name,
            architecture=entry.name,
            recipe=condition.recipe,
            weight_sharing=entry.weight_sharing,
            auxiliary_loss=bool(digits_named[cell]) if auxiliary is None else auxiliary,
            parameters=int(parameters[cell]),
            accuracy=summarise(of_seed.to_numpy()),
            published=published(entry.name, condition.recipe.network) if one_recipe else None,
        )
        rows.append(row)
    return tuple(rows)
