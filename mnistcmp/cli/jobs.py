"""`mnistcmp jobs`, `status`, `logs`, `attach` and `stop`: a cluster's jobs."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from mnistcmp.cli.console import make_console
from mnistcmp.cli.options import JsonLines
from mnistcmp.errors import UserError

if TYPE_CHECKING:
    from mnistcmp.cluster.client import ClusterClient, Job
    from mnistcmp.cluster.events import Progress

Address = Annotated[
    str | None,
    typer.Option(
        help="The cluster's dashboard, http://HOST:8265. Default: as 'mnistcmp launch' finds it."
    ),
]
JobId = Annotated[str | None, typer.Argument(metavar="[JOB]", help="Default: the latest job.")]


def jobs(address: Address = None) -> None:
    """List the cluster's jobs, the latest first."""
    found = _client(address).jobs()
    console = make_console()
    if not found:
        console.print("There is no job yet. Submit one: mnistcmp launch --all.")
        return
    table = Table(box=None)
    for header in ("job", "status", "started (UTC)", "took"):
        table.add_column(header, no_wrap=True)
    for job in found:
        started = "" if job.started_at is None else f"{job.started_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(job.id, job.status.lower(), started, _took(job))
    console.print(table)


def status(job: JobId = None, address: Address = None) -> None:
    """Show the cluster, and how far a job is."""
    from mnistcmp.cli.progress import describe_ended

    client = _client(address)
    console = make_console()
    nodes = client.resources()
    console.print(
        f"Cluster at {client.cluster.address} ({client.cluster.found}): {len(nodes)} nodes, "
        f"{sum(node.cpus for node in nodes)} CPUs and "
        f"{sum(node.gpus for node in nodes)} GPUs for tasks.",
        highlight=False,
    )
    if job is None and not client.jobs():
        console.print("There is no job yet.")
        return
    found = client.job(job)
    console.print(f"Job {found.id}: {found.status.lower()}, {_took(found)}.", highlight=False)
    progress = _last_progress(client, found.id)
    if progress is not None:
        running = "" if found.ended else f", {progress.running} running"
        best = "" if progress.best is None else f"; best {describe_ended(progress.best)}"
        console.print(
            f"{progress.finished} of {progress.total} runs finished, {progress.failed} failed"
            f"{running}{best}.",
            highlight=False,
        )


def logs(
    job: JobId = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")
    ] = False,
    address: Address = None,
) -> None:
    """Print what a job's driver printed."""
    client = _client(address)
    found = client.job(job)
    if not follow:
        typer.echo(client.log(found.id).rstrip())
        return
    for line in client.follow(found.id):
        typer.echo(line)


def attach(job: JobId = None, address: Address = None, json_lines: JsonLines = False) -> None:
    """Follow a job as its launch does, to its report. Ctrl-C detaches."""
    from mnistcmp.cli.view import LaunchView
    from mnistcmp.cluster.places import ClusterPlace

    client = _client(address)
    place, found = ClusterPlace(client.cluster), client.job(job).id
    view = LaunchView(place, job=found, json_lines=json_lines)
    status = view.follow(place.follow(client, found))
    if status:
        raise typer.Exit(status)


def stop(
    job: Annotated[str, typer.Argument(metavar="JOB", help="As 'mnistcmp jobs' lists it.")],
    address: Address = None,
) -> None:
    """Stop a job. What it has trained is kept."""
    _client(address).stop(job)
    typer.echo(f"Stopped {job}. What it has trained is kept; launch again to go on.")


def _client(address: str | None) -> "ClusterClient":
    from mnistcmp.cluster.address import find_cluster

    cluster = find_cluster(address)
    if cluster is None:
        raise UserError(
            "no cluster is named or up. Start one with 'make cluster-up', or name one with "
            "--address http://HOST:8265 or MNISTCMP_ADDRESS."
        )
    from mnistcmp.cluster.client import ClusterClient

    return ClusterClient(cluster)


def _last_progress(client: "ClusterClient", job_id: str) -> "Progress | None":
    from mnistcmp.cluster.events import Progress, from_line

    for line in reversed(client.log(job_id).splitlines()):
        event = from_line(line)
        if isinstance(event, Progress):
            return event
    return None


def _took(job: "Job") -> str:
    from datetime import UTC, datetime

    if job.started_at is None:
        return "not started"
    seconds = ((job.ended_at or datetime.now(UTC)) - job.started_at).total_seconds()
    return f"{seconds:.0f} s"
