"""Where a study's numbers come from: times, machines, versions, and how to get them again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mnistcmp.report.groups import Group
from mnistcmp.study.file import format_study
from mnistcmp.study.named import STUDIES
from mnistcmp.study.study import Condition, Study


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """How long the runs of a condition took, in seconds."""

    condition: str
    n: int
    mean: float
    deviation: float | None
    """Sample standard deviation; None for one run."""
    shortest: float
    longest: float
    total: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """A host's device."""

    host: str
    device: str
    runs: int
    mean_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """A launch into the folder, to be made again."""

    command: str
    study_file: str | None
    """The file's content; None where the command needs none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """All of that."""

    times: tuple[Times, ...]
    total_seconds: float
    """Of all runs together."""
    span_seconds: float
    """From the first run's start to the last one's end."""
    first_start: str
    last_end: str
    machines: tuple[Machine, ...]
    versions: tuple[tuple[str, str], ...]
    """What, and its versions with the runs of each where there are several."""
    recipes: tuple[tuple[str, dict[str, Any]], ...]
    launches: tuple[Launch, ...]


SOFTWARE = {
    "mnistcmp_version": "mnistcmp",
    "git_revision": "git revision",
    "python_version": "Python",
    "torch_version": "PyTorch",
    "ray_version": "Ray",
}


def trace_origin(groups: Sequence[Group], launches: Sequence[Study]) -> Origin:
    """Reads it from the rows of finished runs."""
    runs = pd.concat([group.runs for group in groups])
    start, end = runs["started_at"].min(), runs["finished_at"].max()
    by_machine = runs.groupby(["host", "device"], observed=True)["seconds"].agg(["count", "mean"])
    return Origin(
        times=tuple(_times(group) for group in groups),
        total_seconds=float(runs["seconds"].sum()),
        span_seconds=(end - start).total_seconds(),
        first_start=f"{start:%Y-%m-%d %H:%M:%S} UTC",
        last_end=f"{end:%Y-%m-%d %H:%M:%S} UTC",
        machines=tuple(
            Machine(
                host=row["host"],
                device=row["device"],
                runs=int(row["count"]),
                mean_seconds=row["mean"],
            )
            for row in by_machine.reset_index().to_dict("records")
        ),
        versions=tuple((name, _versions(runs[column])) for column, name in SOFTWARE.items()),
        recipes=_recipes([group.condition for group in groups]),
        launches=tuple(_launch(study) for study in launches),
    )


def _times(group: Group) -> Times:
    seconds = group.runs["seconds"]
    return Times(
        condition=group.condition.name,
        n=len(seconds),
        mean=float(seconds.mean()),
        deviation=float(seconds.std(ddof=1)) if len(seconds) > 1 else None,
        shortest=float(seconds.min()),
        longest=float(seconds.max()),
        total=float(seconds.sum()),
    )


def _versions(column: "pd.Series[str]") -> str:
    counts = column.astype(object).fillna("none").value_counts().sort_index()
    if len(counts) == 1:
        return str(counts.index[0])
    return ", ".join(f"{version} ({count:,} runs)" for version, count in counts.items())


def _recipes(conditions: Sequence[Condition]) -> tuple[tuple[str, dict[str, Any]], ...]:
    recipes = {c.recipe_name: c.recipe for c in conditions}
    return tuple((name, recipe.model_dump(mode="json")) for name, recipe in recipes.items())


def _launch(study: Study) -> Launch:
    if study == STUDIES.get(study.name):
        return Launch(command=f"mnistcmp launch --study {study.name}", study_file=None)
    return Launch(command="mnistcmp launch study.toml", study_file=format_study(study))
