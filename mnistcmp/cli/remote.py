"""Launching on a cluster: submit a job, follow it, come back to it."""

from typing import TYPE_CHECKING

import typer

from mnistcmp.cli import exit_status
from mnistcmp.cli.console import make_console
from mnistcmp.cli.page import leave_page
from mnistcmp.cli.view import view_of
from mnistcmp.cluster.address import Cluster
from mnistcmp.cluster.client import ClusterClient, Job
from mnistcmp.cluster.events import from_line
from mnistcmp.results.location import is_uri
from mnistcmp.study.study import Study

if TYPE_CHECKING:
    from mnistcmp.results.weights import WeightsChoice
    from mnistcmp.training.device import DeviceChoice


def launch_on_cluster(
    cluster: Cluster,
    study: Study,
    *,
    output: str | None,
    fresh: bool,
    device: "DeviceChoice",
    weights: "WeightsChoice",
    json_lines: bool,
) -> int:
    """Submits a study and follows it to its end; the exit status."""
    place = cluster.output_there(output, study.name)
    client = ClusterClient(cluster)
    client.check(device)
    job = client.submit(study, output=place, fresh=fresh, device=device, weights=weights)
    make_console(stderr=json_lines).print(
        f"Study {study.name} is job {job} on the cluster at {cluster.address} ({cluster.found}).",
        highlight=False,
        soft_wrap=True,
    )
    return follow_job(client, job, json_lines=json_lines)


def follow_job(client: ClusterClient, job_id: str, *, json_lines: bool) -> int:
    """Shows a job's progress from its beginning to its end; the exit status.

    It is 1 where the job broke off, or was stopped, before its report.

    Raises:
        UserError: The job refused its request, or the cluster is gone.
    """
    with view_of(json_lines, client.cluster.output_here) as view:

        def show(line: str) -> None:
            event = from_line(line)
            if event is not None:
                view.show(event)

        try:
            job = client.follow(job_id, show)
        except KeyboardInterrupt:
            view.close()
            view.console.print(
                f"Detached: job {job_id} goes on. To come back, to stop it:\n"
                f"  mnistcmp attach {job_id}\n  mnistcmp stop {job_id}",
                highlight=False,
                soft_wrap=True,
            )
            return exit_status.INTERRUPTED
        if not view.ended:
            typer.echo(f"mnistcmp: {_why_it_ended(job)}", err=True)
            return exit_status.FAILED
    if view.reported is not None:
        output, cluster = view.reported.output, client.cluster
        seen = is_uri(output) or cluster.results is not None
        leave_page(
            cluster.output_here(output) if seen else None, view.reported.report, view.console
        )
    return view.status


def _why_it_ended(job: Job) -> str:
    """For a job that did not get to its report."""
    where = f"Finished runs are kept; see 'mnistcmp logs {job.id}', and launch again to go on"
    if job.status == "STOPPED":
        return f"the job {job.id} was stopped before its end. {where}."
    reason = (job.message.strip().splitlines() or ["no reason given"])[0].rstrip(".")
    return f"the job {job.id} broke off: {reason}. {where}."
