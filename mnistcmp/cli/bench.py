"""`mnistcmp bench`: what distributing and storing costs here."""

import json as json_module
from dataclasses import asdict
from typing import Annotated

import typer


def bench(
    runs: Annotated[int, typer.Option(min=1, help="Empty runs to measure with.")] = 1000,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Runs at a time. Default: one per processor.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure what the driver spends on a run: Ray, results, storing. Trains nothing."""
    from mnistcmp.cluster.bench import measure_driver_cost

    cost = measure_driver_cost(runs, workers)
    if json:
        typer.echo(json_module.dumps(asdict(cost), indent=2))
        return
    typer.echo(
        f"{cost.runs} empty runs on {cost.workers} workers of this machine: the driver's own CPU "
        f"time is {cost.driver_cpu_ms_per_run:.2f} ms per run, storing included; with Ray and "
        f"workers on the same processors, {cost.wall_ms_per_run:.2f} ms of wall time."
    )
