"""What the faults came to, as a table.

Where CHAOS_FILE names a file, what was found before is read from it, and all is kept in it: so it
may take several sessions.
"""

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import pytest

from mnistcmp.study.seeds import describe_seeds
from tests.chaos.injection import Injection
from tests.chaos.study import LAUNCH, RUNS, Metrics, metrics, write_study
from tests.support.commands import mnistcmp, without_clusters

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- faults: written by make test-chaos -->\n", "<!-- end of faults -->\n"
ENOUGH = 100
"""Faults from which on their table stands in the documents."""

Record = Callable[[list[Injection]], None]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Metrics:
    """The numbers of the study to which nothing happened."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_study(folder)
    done = mnistcmp(folder, without_clusters(), *LAUNCH, "--local", "--output", "results")
    assert done.returncode == 0, done.stderr
    found = metrics(str(folder / "results"))
    assert len(found) == RUNS
    return found


@pytest.fixture(scope="session")
def record() -> Record:
    """Takes injections; the table of them all is written anew each time."""
    file = Path(os.environ.get("CHAOS_FILE", os.devnull))
    found = [Injection(**each) for each in json.loads(file.read_text(encoding="utf-8") or "[]")]

    def take(injections: list[Injection]) -> None:
        found.extend(injections)
        file.write_text(json.dumps([asdict(each) for each in found]), encoding="utf-8")
        text = table(found)
        print(text)  # noqa: T201 - for whoever asked for it
        if len(found) >= ENOUGH:
            before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
            _, _, after = rest.partition(END)
            PAGE.write_text(before + BEGIN + text + END + after, encoding="utf-8")

    return take


def table(injections: list[Injection]) -> str:
    """In Markdown: a line for each kind of fault at each place, and what is behind them."""
    studies = {(each.place, each.study): each for each in injections}
    launches, lost, wrong = (
        sum(getattr(each, name) for each in studies.values())
        for name in ("launches", "lost", "wrong")
    )
    places = sorted({each.place for each in injections})
    seeds = (
        f"{describe_seeds(study for of, study in sorted(studies) if of == place)} ({place})"
        for place in places
    )
    machine = f"{os.cpu_count()} cores of {platform.machine()}, Python {platform.python_version()}"
    lines = [
        f"{len(injections)} faults in {len(studies)} studies of {RUNS} runs.",
        f"Launches in all: {launches}. Runs lost: {lost}; with other numbers: {wrong}.",
        "",
        f"Command: `make test-chaos`, on {machine}; seeds {', '.join(seeds)}.",
        "",
        "| where | fault | times | longest silence |",
        "|---|---|---|---|",
    ]
    kinds = sorted(injections, key=lambda each: (each.place, each.fault))
    for (place, fault), group in groupby(kinds, key=lambda each: (each.place, each.fault)):
        of = list(group)
        stalls = [each.stall for each in of if each.stall is not None]
        silence = f"{max(stalls):.1f} s" if stalls else "it ends, and is launched again"
        lines.append(f"| {place} | {fault} | {len(of)} | {silence} |")
    return "\n".join(lines) + "\n"
