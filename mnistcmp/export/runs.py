"""What an exporter needs of each finished run."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mnistcmp.errors import UserError
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.recipe import Recipe

BEST = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
"""Columns of `epochs`, and in `runs` their values in the best epoch."""
ENDED = (
    "test_loss",
    "test_accuracy",
    "digit_accuracy",
    "best_epoch",
    "diverged_epoch",
    "parameters",
    "seconds",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """What an export came to."""

    place: str
    new: int
    kept: int
    """Runs that were there already."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedRun:
    """A row of `runs`, and its rows of `epochs`."""

    row: dict[str, Any]
    epochs: dict[str, list[float]]
    """Of each column of `BEST` its values, from the first epoch on."""
    name: str
    """For people; unique in the folder."""

    @property
    def parameters(self) -> dict[str, str | int | float]:
        """What distinguishes the run: architecture, seed, the recipe's fields."""
        recipe = Recipe.model_validate_json(self.row["recipe"])
        return parameters_of(self.row["architecture"], self.row["seed"], recipe)

    @property
    def metrics(self) -> dict[str, float]:
        """What it came to."""
        found = {f"best_{name}": self.row[name] for name in BEST}
        found |= {name: self.row[name] for name in ENDED}
        return {name: float(value) for name, value in found.items() if value is not None}


def parameters_of(architecture: str, seed: int, recipe: Recipe) -> dict[str, str | int | float]:
    """What distinguishes a run, as each tool takes it."""
    fields = recipe.model_dump(mode="json")
    # Neither tool takes a list for a value.
    plain = {k: str(v) if isinstance(v, list) else v for k, v in fields.items()}
    return {"architecture": architecture, "seed": seed, **plain}


def name_of(architecture: str, seed: int, recipe_hash: str | None) -> str:
    """A run's name; the recipe is in it where there are several."""
    name = f"{architecture}-seed-{seed}"
    return name if recipe_hash is None else f"{name}-recipe-{recipe_hash}"


def import_extra(tool: str, *modules: str, needed_by: str) -> None:
    """Imports the modules of a tool that not everybody has.

    Raises:
        UserError: One of them is not installed.
    """
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f"'{needed_by}' needs packages that are not installed. Install them: "
            f"pip install 'mnistcmp[{tool}]'."
        ) from error


def finished_runs(store: ResultsStore) -> Iterator[FinishedRun]:
    """The finished runs, in the order of architecture and seed.

    Raises:
        UserError: There are none.
    """
    store.check_exists()
    runs = store.read("runs").sort_by([("architecture", "ascending"), ("seed", "ascending")])
    if not len(runs):
        raise UserError(f"{store.location} has no finished run. Run 'mnistcmp launch'.")
    epochs = store.read("epochs", ["run_id", "epoch", *BEST]).to_pandas().sort_values("epoch")
    of_run = dict(iter(epochs.groupby("run_id")))
    several = len(set(runs["recipe_hash"].to_pylist())) > 1
    for row in runs.to_pylist():
        yield FinishedRun(
            row=row,
            # A run that diverged in its first epoch has none.
            epochs=of_run.get(row["run_id"], epochs[:0])[list(BEST)].to_dict("list"),
            name=name_of(row["architecture"], row["seed"], row["recipe_hash"] if several else None),
        )
