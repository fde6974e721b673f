"""A rule at work: what its looks answered so far, and which runs the next one needs."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import TypeAlias

import numpy as np
import pandas as pd

from mnistcmp.report.contents import Answer, Outcome, Until
from mnistcmp.report.questions import Accuracies, Question, questions
from mnistcmp.report.sequential import interval, levels
from mnistcmp.results.store import ResultsStore
from mnistcmp.statistics import Difference, summarise
from mnistcmp.study.combine import Combined
from mnistcmp.study.study import Condition, Run, Study

Ended: TypeAlias = Mapping[Condition, AbstractSet[int]]
"""Seeds whose run of a condition needs not be waited for: it finished, or failed."""


def next_runs(
    store: ResultsStore, study: Study, tried: Collection[str] = frozenset()
) -> tuple[Run, ...]:
    """What a launch has to train next: of a rule, what the next look needs; else all that is left.

    The stored results alone decide that, so a launch goes on where another was interrupted.

    Args:
        store: Where results are.
        study: What is launched.
        tried: Ids of runs that this launch has tried already.
    """
    if study.until_clear is None:
        return tuple(run for run in store.missing(study.runs()) if run.run_id not in tried)
    combined = store.combined(study)
    finished = store.finished_run_ids()
    ended = ended_seeds(combined, finished.union(tried))
    accuracies = read_accuracies(store, combined.conditions)
    asked = all_questions(combined, accuracies)
    wanted: set[tuple[str, int, str]] = set()
    looks = study.until_clear.looks(len(combined.seeds))
    for question in asked:
        answer, _ = look(question, combined, ended)
        if not answer.is_last:
            seeds = combined.seeds[: next(n for n in looks if n > answer.seeds)]
            wanted.update(
                (condition.architecture, seed, condition.recipe.hash)
                for condition in question.conditions
                for seed in seeds
                if seed not in ended[condition]
            )
    return tuple(run for run in study.runs() if _key(run) in wanted)


def all_questions(combined: Combined, accuracies: Accuracies) -> list[Question]:
    """What a study asks, of the conditions that have no runs yet too."""
    return questions(combined, {c: accuracies.get(c, _NONE) for c in combined.conditions})


_NONE: "pd.Series[float]" = pd.Series(dtype=np.float64, index=pd.Index([], dtype=np.int64))


def _key(run: Run) -> tuple[str, int, str]:
    return run.architecture, run.seed, run.recipe.hash


def missing_runs(store: ResultsStore) -> tuple[Run, ...]:
    """What launches into a place asked for, and it has not: of a rule, what its next look needs."""
    launches = store.launches()
    if not any(study.until_clear for study in launches):
        return store.missing()
    found = {
        run.run_id: run
        for run in chain.from_iterable(next_runs(store, study) for study in launches)
    }
    return tuple(found.values())


def read_accuracies(store: ResultsStore, conditions: Sequence[Condition]) -> Accuracies:
    """The test accuracies that are stored of conditions."""
    columns = ["architecture", "recipe_hash", "seed", "test_accuracy"]
    return accuracies_of(store.read("runs", columns, dictionaries=True).to_pandas(), conditions)


def accuracies_of(runs: pd.DataFrame, conditions: Sequence[Condition]) -> Accuracies:
    """The test accuracies in %, by seed, of the conditions that have rows in a table of runs."""
    groups = dict(iter(runs.groupby(["architecture", "recipe_hash"], observed=True)))
    cells = {condition: (condition.architecture, condition.recipe.hash) for condition in conditions}
    return {
        condition: 100 * groups[cell].set_index("seed")["test_accuracy"].dropna()
        for condition, cell in cells.items()
        if cell in groups
    }


def ended_seeds(combined: Combined, run_ids: AbstractSet[str]) -> Ended:
    """Of each condition, the seeds of the rule whose runs are among those that ended."""
    return {
        c: {
            seed
            for seed in combined.seeds
            if Run(architecture=c.architecture, seed=seed, recipe=c.recipe).run_id in run_ids
        }
        for c in combined.conditions
    }


def look(question: Question, combined: Combined, ended: Ended) -> tuple[Answer, Difference | None]:
    """What the rule's looks say of a question: up to the one that answered it, or the latest.

    A look waits for every run of its seeds. The difference is of the seeds of that look; before the
    first one it is of those that are there, and has no interval.
    """
    assert combined.until is not None  # noqa: S101 - for mypy
    looks = combined.until.looks(len(combined.seeds))
    answer = Answer(seeds=0, outcome="open", is_last=False)
    found = _difference(question.differences, None, combined.until.margin)
    for n, level in zip(looks, levels(looks), strict=True):
        seeds = combined.seeds[:n]
        if not all(ended[condition] >= set(seeds) for condition in question.conditions):
            break
        of = question.differences[question.differences.index.isin(seeds)]
        found = _difference(of, level, combined.until.margin)
        outcome = _outcome(found)
        answer = Answer(seeds=n, outcome=outcome, is_last=outcome != "open" or n == looks[-1])
        if answer.is_last:
            break
    return answer, found


def _outcome(found: Difference | None) -> Outcome:
    if found is None:
        return "open"
    return "clear" if found.is_clear else "equivalent" if found.is_equivalent else "open"


def _difference(
    of_seed: "pd.Series[float]", level: float | None, margin: float
) -> Difference | None:
    """The mean difference with the interval of a look; None of no seed."""
    values = np.asarray(of_seed, np.float64)
    if not len(values):
        return None
    summary, low, high = summarise(values), None, None
    if level is not None and len(values) > 1:
        low, high = (float(end) for end in interval(values, level))
    return Difference(
        n=summary.n,
        mean=summary.mean,
        deviation=summary.deviation,
        low=low,
        high=high,
        p=None,
        within=margin,
    )


def until(
    combined: Combined, accuracies: Accuracies, ended: Ended
) -> tuple[Until, dict[str, Difference | None]]:
    """What the rule answered, and each question's difference at the look that counts."""
    assert combined.until is not None  # noqa: S101 - for mypy
    asked = all_questions(combined, accuracies)
    found = {question.name: look(question, combined, ended) for question in asked}
    return Until(
        margin=combined.until.margin,
        looks=combined.until.looks(len(combined.seeds)),
        answers={name: answer for name, (answer, _) in found.items()},
        planned=len(combined.seeds) * len(combined.conditions),
        ended=sum(map(len, ended.values())),
    ), {name: difference for name, (_, difference) in found.items()}
