"""`mnistcmp jobs`, `status`, `logs`, `attach` and `stop`: a cluster's jobs."""

from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcmp.cli import options
from mnistcmp.cli.console import echo
from mnistcmp.display.terminal import Terminal
from mnistcmp.errors import UserError

if TYPE_CHECKING:
    from mnistcmp.cluster.client import ClusterClient
    from mnistcmp.cluster.jobs import Job

JobId = Annotated[str | None, typer.Argument(metavar="[JOB]", help="Default: the latest job.")]


def jobs(address: options.Address = None) -> None:
    """List the cluster's jobs, the latest first."""
    rows = [
        {
            "job": job.id,
            "status": job.status.lower(),
            "started (UTC)": f"{job.started_at:%Y-%m-%d %H:%M:%S}" if job.started_at else "",
            "took": _took(job),
        }
        for job in _client(address).jobs()
    ]
    if not rows:
        echo("There is no job yet. Submit one: mnistcmp launch --all.")
        return
    Terminal().show("Jobs", rows)


def status(
    job: JobId = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show how far it is until it has ended.")
    ] = False,
    address: options.Address = None,
) -> None:
    """Show the cluster, and how far a job is."""
    from mnistcmp.cluster.answers import for_tasks
    from mnistcmp.report.numbers import plural

    client = _client(address)
    nodes = client.nodes()
    fitting = [node.resources for node in for_tasks(nodes)]
    others = len(nodes) - len(fitting)
    more = f" {plural(others, 'node')} of other software: see mnistcmp doctor." if others else ""
    echo(
        f"Cluster at {client.cluster.address} ({client.cluster.found}): "
        f"{plural(len(nodes), 'node')}, {plural(sum(node.cpus for node in fitting), 'CPU')} and "
        f"{plural(sum(node.gpus for node in fitting), 'GPU')} for tasks.{more}"
    )
    if job is None and not client.jobs():
        echo("There is no job yet.")
        return
    found = client.job(job)
    if watch and not found.ended:
        _watch(client, found)
        found = client.job(found.id)
    echo(f"Job {found.id}: {found.status.lower()}, {_took(found)}.")
    _tell_progress(client, found)


def _watch(client: "ClusterClient", job: "Job") -> None:
    """Shows a job's progress until it has ended, or nobody wants to look any more."""
    from mnistcmp.cluster.places import ClusterPlace
    from mnistcmp.display.progress import ProgressDisplay

    display = ProgressDisplay(Terminal())
    with (
        suppress(KeyboardInterrupt),
        closing(display),
        closing(ClusterPlace.follow(client, job.id)) as events,
    ):
        for event in events:
            display.show(event)


def _tell_progress(client: "ClusterClient", found: "Job") -> None:
    """The latest that a job's driver told of its progress, if it told any."""
    from mnistcmp.cluster.events import Progress, from_line
    from mnistcmp.display.progress import clock, describe_ended, describe_training

    told = map(from_line, reversed(client.log(found.id).splitlines()))
    progress = next((event for event in told if isinstance(event, Progress)), None)
    if progress is not None:
        running = "" if found.ended else f", {progress.running} running"
        best = "" if progress.best is None else f"; best {describe_ended(progress.best)}"
        diverged = f" ({progress.diverged} diverged)" if progress.diverged else ""
        echo(
            f"{progress.finished} of {progress.total} runs finished{diverged}, "
            f"{progress.failed} failed{running}{best}."
        )
        if not found.ended:
            left = "" if progress.left is None else f", left {clock(progress.left)}"
            echo(f"{progress.share:.0%} done{left}.")
            for condition, how_far in describe_training(progress.training).items():
                echo(f"  {condition}: {how_far}")


def logs(
    job: JobId = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")
    ] = False,
    address: options.Address = None,
) -> None:
    """Print what a job's driver printed."""
    from mnistcmp.cluster.follow import follow_log

    client = _client(address)
    found = client.job(job)
    lines = follow_log(client, found.id) if follow else [client.log(found.id).rstrip()]
    for line in lines:
        if isinstance(line, str):
            echo(line)
        else:
            echo(line.message, err=True)


def attach(
    job: JobId = None, address: options.Address = None, json_lines: options.JsonLines = False
) -> None:
    """Follow a job as its launch does, to its report. Ctrl-C detaches."""
    from mnistcmp.cli.view import View
    from mnistcmp.cluster.places import ClusterPlace

    client = _client(address)
    place, found = ClusterPlace(client.cluster), client.job(job).id
    view = View(place, job=found, json="lines" if json_lines else None)
    if status := view.follow(place.follow(client, found)):
        raise typer.Exit(status)


def stop(
    job: Annotated[str, typer.Argument(metavar="JOB", help="As 'mnistcmp jobs' lists it.")],
    address: options.Address = None,
) -> None:
    """Stop a job. What it has trained is kept."""
    _client(address).stop(job)
    echo(f"Stopped {job}. What it has trained is kept; the same command goes on from there.")


def _client(address: str | None) -> "ClusterClient":
    from mnistcmp.cluster.address import find_cluster
    from mnistcmp.cluster.client import ClusterClient

    cluster = find_cluster(address)
    if cluster is None:
        raise UserError(
            "no cluster is named or up. Start one with 'make cluster-up', or name one with "
            "--address http://HOST:8265 or MNISTCMP_ADDRESS."
        )
    return ClusterClient(cluster)


def _took(job: "Job") -> str:
    if job.started_at is None:
        return "not started"
    seconds = ((job.ended_at or datetime.now(UTC)) - job.started_at).total_seconds()
    return f"{seconds:.0f} s"
