"""`mnistcmp bench`: how fast training is here, what distributing costs, and how far it scales."""

import json as json_module
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistcmp.cli.console import make_console

if TYPE_CHECKING:
    from rich.table import Table

    from mnistcmp.bench.distribution import DriverCost, MeasuredScaling, SimulatedScaling
    from mnistcmp.bench.engine import Speed

SIMULATED_WORKERS = (1, 2, 4, 10, 30, 100, 300, 1000)
SIMULATED_RUNS = 100_000


class What(StrEnum):
    """What can be measured."""

    ENGINE = "engine"
    DRIVER = "driver"
    SCALING = "scaling"


def bench(
    what: Annotated[
        list[What] | None, typer.Argument(help="What to measure. Default: everything.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Repetitions; medians are shown.")] = 7,
    width: Annotated[int, typer.Option(min=1, help="Runs in a stack.")] = 10,
    runs: Annotated[int, typer.Option(min=10, help="Runs of the studies.")] = 1000,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure training speed, the driver's cost and scaling on this machine. Takes minutes.

    Leave the machine alone meanwhile. Ratios of one call can be compared with each other; times of
    two calls less so.
    """
    chosen = what or list(What)
    found: dict[str, Any] = {}
    tables: list[Table] = []
    if What.ENGINE in chosen:
        speed = _engine(rounds, width)
        found["engine"] = asdict(speed)
        tables.append(_engine_table(speed))
    if What.DRIVER in chosen or What.SCALING in chosen:
        from mnistcmp.bench.distribution import measure_driver_cost

        cost = measure_driver_cost(runs, None)
        found["driver"] = asdict(cost)
        tables.append(_driver_table(cost))
    if What.SCALING in chosen:
        measured, simulated = _scaling(runs, cost)
        found["scaling"] = [asdict(point) for point in measured]
        found["simulated"] = [asdict(point) for point in simulated]
        tables += [_measured_table(measured), _simulated_table(simulated)]
    if json:
        typer.echo(json_module.dumps(found, indent=2))
        return
    for table in tables:
        make_console().print(table)


def _engine(rounds: int, width: int) -> "Speed":
    from mnistcmp.bench.engine import measure_speed
    from mnistcmp.data.cache import data_dir
    from mnistcmp.data.mnist import load_mnist
    from mnistcmp.networks.architectures import TABLE1_ARCHITECTURES

    mnist = load_mnist(data_dir(None))
    return measure_speed(TABLE1_ARCHITECTURES, mnist, rounds=rounds, width=width)


def _scaling(
    runs: int, cost: "DriverCost"
) -> tuple[list["MeasuredScaling"], list["SimulatedScaling"]]:
    from mnistcmp.bench.distribution import measure_scaling, simulate_scaling
    from mnistcmp.cluster.stacks import CPU_WIDTH
    from mnistcmp.data.cache import data_dir
    from mnistcmp.data.mnist import load_mnist
    from mnistcmp.networks.architectures import TABLE1_ARCHITECTURES

    seeds = -(-runs // len(TABLE1_ARCHITECTURES))
    mnist = load_mnist(data_dir(None))
    measured = [measure_scaling(count, seeds, 1, mnist) for count in sorted({1, cost.workers})]
    simulated = [
        simulate_scaling(
            workers,
            SIMULATED_RUNS,
            width=CPU_WIDTH,
            seconds_per_run=measured[0].seconds_per_run,
            driver_seconds_per_run=cost.driver_cpu_ms_per_run / 1000,
        )
        for workers in SIMULATED_WORKERS
    ]
    return measured, simulated


def _engine_table(speed: "Speed") -> "Table":
    table = _table(
        f"Training on one core: stacks of {speed.width}, median of {speed.rounds} rounds; "
        f"sgemm {speed.sgemm_gflops:.0f} GFLOP/s",
        ("architecture", "way"),
        ("ms per model-step", "model-steps/s", "MFU", "x stacked"),
    )
    for timing in speed.timings:
        table.add_row(
            timing.architecture,
            timing.way,
            f"{timing.milliseconds:.2f}",
            f"{timing.steps_per_second:.0f}",
            f"{timing.mfu:.0%}",
            f"{timing.times_slower:.2f}",
        )
    return table


def _driver_table(cost: "DriverCost") -> "Table":
    table = _table(
        f"Driver: {cost.runs} empty runs on {cost.workers} workers of this machine",
        (),
        ("driver's CPU time, ms per run", "wall time, ms per run"),
    )
    table.add_row(f"{cost.driver_cpu_ms_per_run:.2f}", f"{cost.wall_ms_per_run:.2f}")
    return table


def _measured_table(points: list["MeasuredScaling"]) -> "Table":
    table = _table(
        f"Scaling: Table I with {points[0].runs} runs of {points[0].epochs} epoch",
        (),
        ("workers", "wall, s", "speed-up", "workers' time in training"),
    )
    for point in points:
        speed_up = points[0].wall_seconds / point.wall_seconds
        table.add_row(
            str(point.workers),
            f"{point.wall_seconds:.1f}",
            f"{speed_up:.2f}",
            f"{point.training_share:.0%}",
        )
    return table


def _simulated_table(points: list["SimulatedScaling"]) -> "Table":
    table = _table(
        f"Simulated from these: {points[0].runs:,} such runs, one driver",
        (),
        ("workers", "wall, s", "workers' time in training", "driver busy"),
    )
    for point in points:
        table.add_row(
            f"{point.workers:,}",
            f"{point.wall_seconds:,.0f}",
            f"{point.efficiency:.0%}",
            f"{point.driver_busy:.0%}",
        )
    return table


def _table(title: str, names: tuple[str, ...], numbers: tuple[str, ...]) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for name in names:
        table.add_column(name)
    for number in numbers:
        table.add_column(number, justify="right")
    return table
