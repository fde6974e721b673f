"""`mnistcmp bench`: how fast training is here, what distributing costs, what rules save."""

from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer

from mnistcmp.cli import options
from mnistcmp.cli.console import print_json
from mnistcmp.display.terminal import Terminal
from mnistcmp.errors import UserError

TITLES = {
    "engine": "Training on one core: each way's step of one model, beside the stacked engine's",
    "driver": "Driver: a study of empty runs on the workers of this machine",
    "seeds": "Simulated studies with --until-clear: true difference in points, shares in %",
    "search": "Searches replayed with rules that stop points: shares in %, what is lost in points",
    "ten seeds": "Intervals of ten seeds, looked at once: share that has the true mean, in %",
}


class What(StrEnum):
    """What can be measured."""

    ENGINE = "engine"
    DRIVER = "driver"
    SEEDS = "seeds"
    SEARCH = "search"


def bench(
    what: Annotated[
        list[What] | None,
        typer.Argument(help="What to measure. Default: all but search, which needs a --pilot."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Repetitions; medians are shown.")] = 7,
    width: Annotated[int, typer.Option(min=1, help="Runs in a stack.")] = 10,
    runs: Annotated[int, typer.Option(min=10, help="Runs of the driver's study.")] = 1000,
    repetitions: Annotated[
        int,
        typer.Option(min=10, help="Simulated studies, or searches, of each kind; none is trained."),
    ] = 10_000,
    until_clear: Annotated[float, typer.Option(help="Their margin, in points.")] = 1.0,
    max_seeds: Annotated[int, typer.Option(min=2, max=200, help="Their seeds at most.")] = 40,
    pilot: Annotated[
        str | None,
        typer.Option(
            metavar="RESULTS",
            help="seeds: simulate with a study's own differences too. search: replay a search that "
            "trained all of its points, with 20 seeds or more.",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Measure training speed and the driver's cost here; simulate --until-clear, replay searches.

    Leave the machine alone meanwhile. Ratios of one call can be compared with each other; times of
    two calls less so.
    """
    from mnistcmp.report.as_json import dumps

    options.check_points("--until-clear", until_clear, example="1.0")
    chosen = set(what or What) - (set() if what else {What.SEARCH})
    found = _replay(repetitions, pilot) if What.SEARCH in chosen else {}
    found |= _measure(chosen - {What.SEEDS}, rounds, width, runs)
    if What.SEEDS in chosen:
        found |= _simulate(repetitions, until_clear, max_seeds, pilot)
    if json:
        print_json(dumps(found))
        return
    terminal = Terminal()
    for name, content in found.items():
        rows = content.get("timings", content.get("rows", [content]))
        if name == "engine":
            terminal.say(
                f"Stacks of {width}, median of {rounds} rounds; sgemm "
                f"{content['sgemm_gflops']:.0f} GFLOP/s."
            )
        terminal.show(TITLES[name], [_cells(row) for row in rows])


def _simulate(
    repetitions: int, margin: float, most_seeds: int, pilot: str | None
) -> dict[str, Any]:
    from mnistcmp.bench.seeds import cover_ten_seeds, simulate
    from mnistcmp.results.store import ResultsStore

    store = None if pilot is None else ResultsStore(pilot)
    if store is not None:
        store.check_exists()
    rows = simulate(repetitions=repetitions, margin=margin, most_seeds=most_seeds, pilot=store)
    ten = cover_ten_seeds(repetitions=repetitions)
    return {
        "seeds": {"rows": [asdict(row) for row in rows]},
        "ten seeds": {"rows": [asdict(row) for row in ten]},
    }


def _replay(repetitions: int, pilot: str | None) -> dict[str, Any]:
    from mnistcmp.bench.search import MOST_REPLAYED, replay
    from mnistcmp.results.store import ResultsStore

    if pilot is None:
        raise UserError(
            "'bench search' replays a search. Train one: mnistcmp tune --epochs 10 --seeds 20 -o "
            "pilot; then give it: --pilot pilot."
        )
    rows = replay(ResultsStore(pilot), repetitions=min(repetitions, MOST_REPLAYED))
    return {"search": {"rows": [asdict(row) for row in rows]}}


def _measure(chosen: set[What], rounds: int, width: int, runs: int) -> dict[str, Any]:
    from mnistcmp.bench.distribution import measure_driver_cost
    from mnistcmp.bench.engine import measure_speed
    from mnistcmp.data.mnist import load_mnist
    from mnistcmp.networks.architectures import TABLE1_ARCHITECTURES

    found: dict[str, Any] = {}
    if What.ENGINE in chosen:
        speed = measure_speed(TABLE1_ARCHITECTURES, load_mnist(), rounds=rounds, width=width)
        found["engine"] = asdict(speed)
    if What.DRIVER in chosen:
        found["driver"] = asdict(measure_driver_cost(runs, None))
    return found


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    """A measurement's fields as they are called in JSON, in words."""
    return {
        name.replace("_", " "): f"{value:,.2f}" if isinstance(value, float) else str(value)
        for name, value in row.items()
    }
