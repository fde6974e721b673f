"""Launching on a cluster: submit a job, follow it, come back to it."""

from typing import TYPE_CHECKING

import typer
from rich.console import Console

from mnistcmp.cli import exit_status
from mnistcmp.cli.view import LaunchView
from mnistcmp.cluster.address import Cluster
from mnistcmp.cluster.client import ClusterClient, Job
from mnistcmp.cluster.events import from_line
from mnistcmp.study import Study

if TYPE_CHECKING:
    from mnistcmp.training import DeviceChoice


def launch_on_cluster(
    cluster: Cluster,
    study: Study,
    *,
    output: str | None,
    fresh: bool,
    device: "DeviceChoice",
    console: Console,
) -> int:
    """Submits a study and follows it to its end; the exit status."""
    place = cluster.output_there(output, study.name)
    client = ClusterClient(cluster)
    client.check(device)
    job = client.submit(study, output=place, fresh=fresh, device=device)
    console.print(
        f"Study {study.name} is job {job} on the cluster at {cluster.address} ({cluster.found}).",
        highlight=False,
        soft_wrap=True,
    )
    return follow_job(client, job, console)


def follow_job(client: ClusterClient, job_id: str, console: Console) -> int:
    """Shows a job's progress from its beginning to its end; the exit status.

    It is 1 where the job broke off, or was stopped, before its report.

    Raises:
        UserError: The job refused its request, or the cluster is gone.
    """
    with LaunchView(console, client.cluster.output_here) as view:

        def show(line: str) -> None:
            event = from_line(line)
            if event is not None:
                view.show(event)

        try:
            job = client.follow(job_id, show)
        except KeyboardInterrupt:
            view.close()
            console.print(
                f"Detached: job {job_id} goes on. To come back, to stop it:\n"
                f"  mnistcmp attach {job_id}\n  mnistcmp stop {job_id}",
                highlight=False,
                soft_wrap=True,
            )
            raise typer.Exit(exit_status.INTERRUPTED) from None
        if not view.ended:
            typer.echo(f"mnistcmp: {_why_it_ended(job)}", err=True)
            return exit_status.FAILED
    return view.status


def _why_it_ended(job: Job) -> str:
    """For a job that did not get to its report."""
    where = f"Finished runs are kept; see 'mnistcmp logs {job.id}', and launch again to go on"
    if job.status == "STOPPED":
        return f"the job {job.id} was stopped before its end. {where}."
    reason = (job.message.strip().splitlines() or ["no reason given"])[0].rstrip(".")
    return f"the job {job.id} broke off: {reason}. {where}."
