"""Where a study's numbers come from: times, machines, versions, and how to get them again."""

from collections.abc import Sequence

import pandas as pd

from mnistcmp.report.numbers import NONE, plural, points, seconds
from mnistcmp.report.runs import Group
from mnistcmp.report.tables import Table
from mnistcmp.study.file import format_study
from mnistcmp.study.named import STUDIES
from mnistcmp.study.study import Study

SOFTWARE = {
    "mnistcmp_version": "mnistcmp",
    "git_revision": "git revision",
    "python_version": "Python",
    "torch_version": "PyTorch",
    "ray_version": "Ray",
}


def times(groups: Sequence[Group]) -> Table:
    """How long the runs of each condition took; those that diverged ended early."""
    rows = []
    for group in groups:
        took = group.runs["seconds"]
        deviation = f" ± {points(took.std(ddof=1))}" if len(took) > 1 else ""
        rows.append(
            {
                "condition": group.condition.name,
                "n": str(len(took)),
                "mean ± SD": f"{points(took.mean())}{deviation}" if len(took) else NONE,
                "shortest": points(took.min()) if len(took) else NONE,
                "longest": points(took.max()) if len(took) else NONE,
                "all runs": seconds(took.sum()),
            }
        )
    title = "Wall time of a run, training and testing, in seconds"
    return Table(name="times", title=title, rows=rows)


def span(groups: Sequence[Group]) -> str:
    """How long all runs took, and between when and when they were."""
    runs = pd.concat([group.stored for group in groups])
    start, end = runs["started_at"].min(), runs["finished_at"].max()
    return (
        f"{seconds(runs['seconds'].sum())} of training in all, between {start:%Y-%m-%d %H:%M:%S} "
        f"UTC and {end:%Y-%m-%d %H:%M:%S} UTC ({seconds((end - start).total_seconds())}, pauses "
        "between launches included). Times of runs that shared processors with others are longer."
    )


def sources(groups: Sequence[Group]) -> list[Table]:
    """The machines, the software and the recipes of the runs, and the data they trained on."""
    from mnistcmp.data.mnist import MD5  # noqa: PLC0415 - imports torch

    runs = pd.concat([group.stored for group in groups])
    names = ["host", "processor", "device"]
    runs["processor"] = runs["processor"].astype(object).fillna(NONE)
    machine = runs.groupby(names, observed=True)["seconds"]
    machines = [
        {name: str(value) for name, value in zip(names, where, strict=True)}
        | {"runs": str(len(took)), "mean time of a run": seconds(took.mean())}
        for where, took in machine
    ]
    versions = [
        {"what": name, "version": _versions(runs[column])} for column, name in SOFTWARE.items()
    ]
    recipes = {group.condition.recipe_name: group.condition.recipe for group in groups}
    fields = {name: recipe.model_dump(mode="json") for name, recipe in recipes.items()}
    recipe_rows = [
        {"field": field} | {name: str(values[field]) for name, values in fields.items()}
        for field in next(iter(fields.values()))
    ]
    checksums = [{"file": name, "MD5": checksum} for name, checksum in MD5.items()]
    return [
        Table(name="machines", title="Machines", rows=machines),
        Table(name="versions", title="Software", rows=versions),
        Table(name="recipe", title=f"Recipe{'s' if len(recipes) > 1 else ''}", rows=recipe_rows),
        Table(name="data", title="Data: MNIST's files, unpacked", rows=checksums),
    ]


def _versions(column: "pd.Series[str]") -> str:
    """A version, or the versions with the runs of each."""
    counts = column.astype(object).fillna("none").value_counts().sort_index()
    if len(counts) == 1:
        return str(counts.index[0])
    return ", ".join(f"{version} ({plural(count, 'run')})" for version, count in counts.items())


def launch_again(study: Study) -> tuple[str, str | None]:
    """The command that launches a study, and the study file that it needs, if any."""
    if study == STUDIES.get(study.name):
        return f"mnistcmp launch --study {study.name}", None
    return "mnistcmp launch study.toml", format_study(study)
