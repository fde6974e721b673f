"""`mnistcmp launch --dry-run`: what a launch would do."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from mnistcmp.cluster.launch import Launch
from mnistcmp.results.output import Output
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.seeds import describe_seeds


def print_plan(launch: Launch, output: Output, console: Console) -> None:
    """Prints what a launch would train, and under which recipe."""
    study = launch.study
    missing, place = study.runs(), "on the cluster, what it has already is not seen from here"
    if launch.fresh:
        output = output.fresh()
    if output.here is not None:
        store = ResultsStore(output.here)
        store.check(study)
        missing, place = store.missing(study.runs()), str(store.location)
    table = Table(title=f"Plan of study {study.name}", title_justify="left")
    for header in (
        "condition" if len(study.recipes) > 1 else "architecture",
        "seeds",
        "there already",
        "to train",
    ):
        table.add_column(header, justify="right" if table.columns else "left")
    lefts = Counter((run.architecture, run.recipe) for run in missing)
    for condition in study.conditions:
        left = lefts[condition.architecture, condition.recipe]
        there = len(study.seeds) - left
        table.add_row(condition.name, describe_seeds(study.seeds), str(there), str(left))
    console.print(table)
    for recipe_name, recipe in {c.recipe_name: c.recipe for c in study.conditions}.items():
        fields = recipe.model_dump(mode="json").items()
        console.print(f"Recipe {recipe_name}: {', '.join(f'{k} {v}' for k, v in fields)}.")
    console.print(
        f"Results folder: {place}. {len(missing)} runs to train. Nothing was done.",
        highlight=False,
        markup=False,
    )
