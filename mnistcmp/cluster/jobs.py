"""A job of ours, as a cluster's dashboard describes it."""

import json
import os
from dataclasses import dataclass
from datetime import datetime

from mnistcmp.cluster.answers import JobAnswer, moment

ENDED = {"FAILED", "STOPPED", "SUCCEEDED"}
"""Of Ray's names for the status of a job, those after which nothing will come from it."""
CONFIG_VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Where Ray tells a job what it was submitted with."""
OUTPUT_KEY = "mnistcmp_output"
"""In a job's metadata; it marks the jobs that are ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A job of ours."""

    id: str
    output: str
    """As it was asked for."""
    status: str
    """One of Ray's names."""
    started_at: datetime | None
    ended_at: datetime | None
    message: str

    @property
    def ended(self) -> bool:
        """Whether nothing will come from it any more."""
        return self.status in ENDED


def own_job_id() -> str | None:
    """The job's that this process is the driver of; None outside of one."""
    try:
        return str(json.loads(os.environ[CONFIG_VARIABLE])["metadata"]["job_submission_id"])
    except (ValueError, KeyError, TypeError):
        return None


def to_job(answer: JobAnswer) -> Job | None:
    """A job; None for those of others, and for drivers that were not submitted as jobs."""
    output = (answer.metadata or {}).get(OUTPUT_KEY)
    if output is None or answer.submission_id is None:
        return None
    return Job(
        id=answer.submission_id,
        output=str(output),
        status=answer.status,
        started_at=moment(answer.start_time),
        ended_at=moment(answer.end_time),
        message=answer.message or "",
    )
