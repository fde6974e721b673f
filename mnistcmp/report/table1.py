"""Table I: what a results folder says of each architecture, beside what was published."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnistcmp.architectures import ARCHITECTURES, Architecture, Published
from mnistcmp.errors import UserError
from mnistcmp.results import ResultsStore
from mnistcmp.statistics import Summary, summarise
from mnistcmp.study import Recipe, Run


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One architecture's test accuracy, in %."""

    architecture: str
    weight_sharing: bool | None
    auxiliary_loss: bool
    parameters: int
    accuracy: Summary
    published: Published

    @property
    def difference(self) -> float:
        """Mean less published mean, in percentage points."""
        return self.accuracy.mean - self.published.mean


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All that the report shows of a folder."""

    study: str
    recipe: Recipe
    rows: tuple[Row, ...]
    """In the order of the table of architectures; those without a finished run are left out."""
    missing: tuple[Run, ...]
    """Launched into the folder, and without a result."""
    failures: dict[str, str]
    """Run id to error, of those whose last attempt failed."""


def build_report(store: ResultsStore) -> Report:
    """Reads a results folder.

    Raises:
        UserError: It has no results, or some that cannot be compared with each other.
    """
    if not store.location.exists():
        raise UserError(
            f"there is no results folder {store.location}. Run 'mnistcmp launch --all'."
        )
    runs = store.read("runs").to_pandas()
    missing = store.missing()
    if runs.empty:
        raise UserError(
            f"{store.location} has no finished run"
            f"{f' of the {len(missing)} launched' if missing else ''}. Run 'mnistcmp launch'."
        )
    recipes = sorted(set(runs["recipe_hash"]) | {run.recipe.hash for run in missing})
    if len(recipes) > 1:
        raise UserError(
            f"{store.location} mixes {len(recipes)} recipes ({', '.join(recipes)}), whose runs "
            "cannot stand in one table. Keep each recipe's results in a folder of its own."
        )
    failures = store.read("failures")
    return Report(
        study=", ".join(sorted(set(runs["study"]))),
        recipe=Recipe.model_validate_json(runs["recipe"].iloc[0]),
        rows=tuple(
            _row(entry, of_entry["test_accuracy"].to_numpy(), int(of_entry["parameters"].iloc[0]))
            for entry in ARCHITECTURES.values()
            if not (of_entry := runs[runs["architecture"] == entry.name]).empty
        ),
        missing=missing,
        failures=dict(
            zip(failures["run_id"].to_pylist(), failures["error"].to_pylist(), strict=True)
        ),
    )


def _row(entry: Architecture, accuracies: NDArray[np.float64], parameters: int) -> Row:
    return Row(
        architecture=entry.name,
        weight_sharing=entry.weight_sharing,
        auxiliary_loss=entry.auxiliary_loss,
        parameters=parameters,
        accuracy=summarise(100 * accuracies),
        published=entry.published,
    )
