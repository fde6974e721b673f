"""`mnistcmp launch --dry-run`: what a launch would do."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from mnistcmp.cli.selection import default_output
from mnistcmp.cluster.address import Cluster
from mnistcmp.results.location import fresh_place
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.seeds import describe_seeds
from mnistcmp.study.study import Study


def seen_from_here(study: Study, output: str | None, cluster: Cluster | None) -> str | None:
    """Where this machine finds a study's results; None where it does not see them."""
    if cluster is None:
        return output or default_output(study)
    return cluster.place_here(cluster.output_there(output, study.name))


def print_plan(study: Study, output: str | None, console: Console, *, fresh: bool) -> None:
    """What a launch would train, and under which recipe; `output` is None where it is not seen."""
    missing, place = study.runs(), "on the cluster, what it has already is not seen from here"
    if output is not None:
        store = ResultsStore(fresh_place(output) if fresh else output)
        store.check(study)
        missing, place = store.missing(study.runs()), str(store.location)
    table = Table(title=f"Plan of study {study.name}", title_justify="left")
    for header in (
        "condition" if study.recipes else "architecture",
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
    for recipe_name, recipe in (study.recipes or {study.recipe.label: study.recipe}).items():
        fields = recipe.model_dump(mode="json").items()
        console.print(f"Recipe {recipe_name}: {', '.join(f'{k} {v}' for k, v in fields)}.")
    console.print(
        f"Results folder: {place}. {len(missing)} runs to train. Nothing was done.",
        highlight=False,
        markup=False,
    )
