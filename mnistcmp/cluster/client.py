"""Jobs on a cluster: looked at, submitted and stopped through its dashboard.

Only submitting imports Ray, whose own client packs and uploads what a job needs; the rest is HTTP.
"""

import logging
import os
import shlex
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
from pydantic import BaseModel

from mnistcmp.cluster.address import ADDRESS_VARIABLES, Cluster, is_loopback
from mnistcmp.cluster.answers import (
    LARGEST,
    LARGEST_LOG,
    PATIENCE,
    JobAnswer,
    JobsAnswer,
    LogAnswer,
    NodeAnswer,
    NodesAnswer,
    VersionAnswer,
    WrongAnswerError,
    fetch,
    for_tasks,
    read,
    within,
)
from mnistcmp.cluster.custom import shipped
from mnistcmp.cluster.jobs import OUTPUT_KEY, Job, to_job
from mnistcmp.cluster.placement import Node, choose_pools
from mnistcmp.cluster.work import Work
from mnistcmp.errors import UserError

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

    from mnistcmp.training.device import DeviceChoice

SUBMIT_SECONDS = 300.0
"""Patience with a cluster that takes a job and its files."""
STOP_SECONDS = 20
"""Between asking a driver to stop and killing it: time to store a run that came back."""

A = TypeVar("A", bound=BaseModel)

LOGS = "logs"

ENTRYPOINT = '"${MNISTCMP_PYTHON:-python}" "${MNISTCMP_JOBS:?}/run.py"'
"""Run by a shell on the head; image and `make cluster-up` set the variables."""


class ClusterClient:
    """Talks to one cluster's dashboard.

    Raises:
        UserError: The address does not answer, is no Ray, or refuses the token. Every method raises
            it too where the dashboard cannot do as asked, or has no such job.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._headers = {"Authorization": f"Bearer {cluster.token}"} if cluster.token else {}
        self._session = requests.Session()
        self._session.headers.update(self._headers)
        host = urlsplit(cluster.address).hostname or ""
        if is_loopback(host):
            # A proxy that the environment names is not asked for this machine, nor shown the token:
            # neither here nor by Ray's client, which has no setting for it.
            self._session.trust_env = False
            for variable in ("no_proxy", "NO_PROXY"):
                os.environ[variable] = ",".join(filter(None, (os.environ.get(variable), host)))
        self._ray_version = self._get(VersionAnswer, "/api/version").ray_version

    def nodes(self) -> list[NodeAnswer]:
        """The cluster's living nodes, as Ray's state API describes them."""
        found = self._get(NodesAnswer, "/api/v0/nodes?limit=10000").nodes
        return [node for node in found if node.state == "ALIVE"]

    def resources(self) -> list[Node]:
        """What living nodes have for tasks: those of the head's software, since others get none."""
        return [node.resources for node in for_tasks(self.nodes())]

    def check(self, device: "DeviceChoice") -> list[str]:
        """Looks whether a study can be trained here: same software, and a place for its runs.

        Workers with other software get no tasks; the driver is on the head.

        Returns:
            What is wrong with each of these workers.
        """
        nodes = [(node, node.other_software(self._ray_version)) for node in self.nodes()]
        wrong = [what for _, what in nodes if what]
        place = f"the cluster at {self.cluster.address}"
        why = next((what for node, what in nodes if what and node.is_head), None)
        if why is None:
            fitting = [node.resources for node, what in nodes if not what]
            try:
                choose_pools(device, fitting, place=place)
            except UserError:
                if not wrong:
                    raise
                why = wrong[0]
            else:
                return wrong
        raise UserError(
            f"{place} {why}. Build the cluster from this checkout, or install what it has."
        )

    def submit(self, work: Work, output: str) -> str:
        """Submits work with results to what the cluster calls `output`; returns the job's id."""
        for job in self.jobs():
            if job.output == output and not job.ended and not work.fresh:
                raise UserError(
                    f"the job {job.id} trains into '{output}' already. Follow it: mnistcmp attach "
                    f"{job.id}, or stop it, or choose another --output."
                )
        request = work.model_copy(update={"output": output}).to_json()
        job_id = f"{work.name}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
        with shipped(work.study) as files:
            self.submit_request(job_id, request, output=output, files=files)
        return job_id

    def submit_request(self, job_id: str, request: str, *, output: str, files: str | None) -> None:
        """Submits a request as a job.

        Args:
            job_id: The job's id, which no other may have.
            request: The work as JSON.
            output: Where the results go, as the cluster calls it.
            files: A folder to ship, which the driver works in.
        """
        environment: dict[str, Any] = {
            "env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_SECONDS)},
            **({} if files is None else {"working_dir": files}),
        }

        def submit() -> None:
            self._submitter().submit_job(
                entrypoint=f"{ENTRYPOINT} {shlex.quote(request)}",
                submission_id=job_id,
                metadata={OUTPUT_KEY: output},
                runtime_env=environment,
            )

        with _ray_errors():
            within(SUBMIT_SECONDS, submit)

    def _submitter(self) -> "JobSubmissionClient":
        from ray.job_submission import JobSubmissionClient  # noqa: PLC0415 - the rest needs no Ray

        # These override the address that is given to Ray's client.
        for variable in ADDRESS_VARIABLES:
            os.environ.pop(variable, None)
        for talker in ("ray", "ray.dashboard.modules.dashboard_sdk"):
            logging.getLogger(talker).setLevel(logging.CRITICAL)
        # Without a header Ray's client would look for a token of its own, and send it.
        return JobSubmissionClient(
            self.cluster.address, headers=self._headers or {"Authorization": ""}
        )

    def jobs(self) -> list[Job]:
        """Our jobs that the cluster remembers, the latest first."""
        found = map(to_job, self._get(JobsAnswer, "/api/jobs/").root)
        ours = [job for job in found if job is not None]
        return sorted(ours, key=lambda job: (job.started_at is None, job.started_at), reverse=True)

    def job(self, job_id: str | None) -> Job:
        """The job of that id, or the latest."""
        place = f"on the cluster at {self.cluster.address}"
        jobs = self.jobs()
        if job_id is None:
            if not jobs:
                raise UserError(f"there is no job {place}. Submit one: mnistcmp launch --all.")
            return jobs[0]
        if found := next((job for job in jobs if job.id == job_id), None):
            return found
        known = ", ".join(job.id for job in jobs[:3]) or "none"
        raise UserError(f"there is no job '{job_id}' {place}; the latest are: {known}.")

    def log(self, job_id: str) -> str:
        """All that a job's driver has printed so far."""
        return self._get(LogAnswer, f"/api/jobs/{quote(job_id)}/{LOGS}").logs or ""

    def job_now(self, job_id: str) -> Job:
        """One of our jobs, asked for by its id alone: a cluster may remember thousands."""
        job = to_job(self._get(JobAnswer, f"/api/jobs/{quote(job_id)}"))
        if job is None:
            raise UserError(f"the job '{job_id}' is not one of mnistcmp's.")
        return job

    def stop(self, job_id: str) -> None:
        """Asks a job's driver to stop, and waits until it has."""
        job = self.job(job_id)
        if job.ended:
            raise UserError(f"the job {job.id} has ended already: {job.status.lower()}.")
        self._ask("POST", f"/api/jobs/{quote(job.id)}/stop")
        deadline = time.monotonic() + STOP_SECONDS + PATIENCE
        while not self.job_now(job.id).ended:
            if time.monotonic() > deadline:
                raise UserError(f"the job {job.id} has not stopped yet. See mnistcmp status.")
            time.sleep(0.2)

    def _get(self, kind: type[A], path: str) -> A:
        try:
            return read(kind, self._ask("GET", path))
        except WrongAnswerError as error:
            raise self._not_ray(f"{error} at {path}") from error

    def _ask(self, method: str, path: str) -> bytes:
        """An answer of the dashboard, told apart from what is not a dashboard."""
        address = self.cluster.address
        largest = LARGEST_LOG if path.endswith(LOGS) else LARGEST
        try:
            status, content = fetch(self._session, method, address + path, largest=largest)
        except WrongAnswerError as error:
            raise self._not_ray(f"{error} at {path}") from error
        except requests.RequestException as error:
            raise UserError(
                f"no cluster answers at {address} ({self.cluster.found}): {_reason(error)}. Start "
                "one with 'make cluster-up', name another with --address, or take --local."
            ) from error
        if status in {401, 403}:
            given = "refuses the token it was given" if self.cluster.token else "asks for a token"
            raise UserError(
                f"the cluster at {address} {given} (HTTP {status}). Set RAY_AUTH_TOKEN "
                "or RAY_AUTH_TOKEN_PATH to the token that the cluster was started with."
            )
        if status >= HTTPStatus.BAD_REQUEST:
            raise self._not_ray(f"HTTP {status} at {path}")
        return content

    def _not_ray(self, found: str) -> UserError:
        return UserError(
            f"what answers at {self.cluster.address} is not a Ray dashboard ({found}). Name one "
            "with --address, or take --local."
        )


@contextmanager
def _ray_errors() -> Iterator[None]:
    """What Ray's client raises, as one line."""
    try:
        yield
    except (RuntimeError, OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"the cluster did not do as asked: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    if isinstance(error, requests.ConnectionError):
        return "connection refused or lost"
    if isinstance(error, requests.Timeout):
        return f"no answer within {PATIENCE} s"
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
