"""What rules that stop points save of a search, and how often its choice stays the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import stats

from mnistcmp.errors import UserError
from mnistcmp.results.store import SEARCH, ResultsStore
from mnistcmp.statistics import paired_difference
from mnistcmp.study.recipe import Recipe
from mnistcmp.training.result import scores_so_far
from mnistcmp.tune.report import build_search_report
from mnistcmp.tune.rules import LEVEL, Asha, Race, Rule, clearly_worse
from mnistcmp.tune.search import FIRST_LOOK, Search

SEED = 2026
OPTUNAS_LEVEL = 0.1
MOST_REPLAYED = 1000
"""Searches: more say no more, since all have their seeds from the same few."""
Curves: TypeAlias = NDArray[np.float64]
"""(points, seeds, epochs): best validation accuracy so far, 0 to 1, mean over architectures."""


def _unpaired(scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """By Student's t test of two samples, one-sided."""
    means, n = scores.mean(axis=1), scores.shape[1]
    best, variances = means.argmax(), scores.var(axis=1, ddof=1)
    error = ((variances + variances[best]) / n) ** 0.5
    return np.asarray(means + stats.t.isf(LEVEL, 2 * n - 2) * error < means[best], np.bool_)


def _wilcoxon(scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """As Optuna's WilcoxonPruner, with its level."""
    less = scores - scores[scores.mean(axis=1).argmax()]
    # Exact but for ties, of which SciPy would otherwise try all signs each time.
    how: dict[str, Any] = {"zero_method": "zsplit", "method": "exact"}
    found = stats.wilcoxon(less, axis=1, alternative="less", **how)
    return np.asarray(found.pvalue < OPTUNAS_LEVEL, np.bool_)


RULES: Mapping[str, Callable[[Search], Rule]] = {
    "--race: paired t, 5%": Race,
    "paired t, 1%": partial(Race, worse=partial(clearly_worse, level=0.01)),
    "unpaired t, 5%": partial(Race, worse=_unpaired),
    "Wilcoxon, 10%": partial(Race, worse=_wilcoxon),
    "--asha": Asha,
}
"""What is replayed: what `mnistcmp tune` has, and what was passed over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """A rule, in searches whose seeds were drawn from those of one that trained everything."""

    rule: str
    saved: float
    """Of the epochs of the full search, in %."""
    kept: float
    """How often, in %, its choice was the full search's."""
    kept_or_tied: float
    """How often it was that, or one that is not clearly worse over the search's seeds (95%)."""
    lost: float
    """Validation accuracy less that of the full search's choice, over all seeds there are; mean, in
    points."""


def replay(pilot: ResultsStore, *, repetitions: int) -> list[Replayed]:
    """Searches with half of the seeds of one that trained everything, drawn and put in an order.

    Raises:
        UserError: It is no such search.
    """
    search, recipes, curves = _read(pilot)
    random = np.random.default_rng(SEED)
    seeds = range(curves.shape[1] // 2)
    asked = search.model_copy(update={"seeds": tuple(seeds)})
    tables = [
        curves[:, random.permutation(curves.shape[1])[: len(seeds)]] for _ in range(repetitions)
    ]
    overall = curves[:, :, -1].mean(axis=1)
    found = []
    for name, rule in RULES.items():
        ends = [_replay(rule(asked), recipes, table) for table in tables]
        full = [int(table[:, :, -1].mean(axis=1).argmax()) for table in tables]
        each = list(zip(ends, full, tables, strict=True))
        row = Replayed(
            rule=name,
            saved=100 * (1 - float(np.mean([cost for _, cost in ends])) / tables[0][..., 0].size),
            kept=100 * float(np.mean([chosen == best for (chosen, _), best, _ in each])),
            kept_or_tied=100 * float(np.mean([_ties(t, c, best) for (c, _), best, t in each])),
            lost=100 * float(np.mean([overall[c] - overall[best] for (c, _), best, _ in each])),
        )
        found.append(row)
    return found


def _replay(rule: Rule, recipes: Sequence[Recipe], table: Curves) -> tuple[int, float]:
    """The point that a rule chooses, and what it trained for that, in whole runs."""
    going, epochs = list(range(len(recipes))), table.shape[2]
    trained = np.zeros(len(recipes))
    for step in rule.steps:
        until = step.until or epochs
        trained[going] = len(step.seeds) * until / epochs
        if step == rule.steps[-1]:
            break
        of_seeds = table[:, : len(step.seeds), until - 1]
        scores = {recipes[p]: dict(enumerate(of_seeds[p].tolist())) for p in going}
        stopped = rule.stopped(step, scores)
        going = [p for p in going if recipes[p] not in stopped]
    chosen = max(going, key=lambda p: float(table[p, :, -1].mean()))
    return chosen, float(trained.sum())


def _ties(table: Curves, chosen: int, best: int) -> bool:
    found = paired_difference(table[chosen, :, -1], table[best, :, -1])
    return found.high is None or found.high >= 0


def _read(pilot: ResultsStore) -> tuple[Search, list[Recipe], Curves]:
    """A search, its points' recipes in their order, and how they went."""
    report = build_search_report(pilot)
    try:
        search = Search.model_validate_json(pilot.location.read("", SEARCH).to_pybytes())
    except ValidationError as error:
        raise UserError(
            f"{pilot.location.path(SEARCH)} is no search that this mnistcmp can read. Take the "
            "folder of another."
        ) from error
    conditions = pilot.combined().conditions
    whole = {row.recipe for row in report.rows if row.state == "finished"}
    recipes = [recipe for recipe in dict.fromkeys(c.recipe for c in conditions) if recipe in whole]
    epochs = {recipe.all_epochs for recipe in recipes}
    if len(recipes) != len(report.rows) or report.missing or len(epochs) != 1:
        raise UserError(
            f"{pilot.location} has points that were not trained to one and the same number of "
            "epochs. Search without --asha and --race, and give that as --pilot."
        )
    if len(search.seeds) // 2 <= FIRST_LOOK:
        raise UserError(
            f"{pilot.location} has {len(search.seeds)} seeds, of which half are drawn each time. "
            "Search with --seeds 20, and give that as --pilot."
        )
    columns = ["recipe_hash", "architecture", "seed", "epoch", "validation_accuracy"]
    rows = pilot.read("epochs", columns).to_pandas()
    return search, recipes, np.stack([_curves(rows, recipe) for recipe in recipes])


def _curves(rows: pd.DataFrame, recipe: Recipe) -> Curves:
    """(seeds, epochs): a point's scores so far."""
    of = rows[rows["recipe_hash"] == recipe.hash].pivot_table(
        "validation_accuracy", ["seed", "architecture"], "epoch"
    )
    accuracies = np.zeros((of.shape[1], of.shape[0], 4))
    accuracies[:, :, 3] = of.to_numpy().T
    scores = np.array(
        [
            scores_so_far(accuracies[:n], [None] * len(of), recipe)
            for n in range(1, len(accuracies) + 1)
        ]
    )
    of_seed = pd.DataFrame(scores.T, index=of.index).groupby("seed").mean()
    found: Curves = of_seed.to_numpy()
    return found
